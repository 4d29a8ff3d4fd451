"""`lahete demo`: the main job, start to end. A live view on a terminal, plain lines elsewhere; a summary at the end."""

import dataclasses
import logging
import sys
import time
from collections import Counter
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.options import Json
from deploy.demo.look import Sight
from deploy.demo.play import DAYS, Size, Told, play
from deploy.engines import Engine

_LOOP = ("issued", "proposed", "placed", "attended", "completed", "closed")
_PLAIN_EVERY = 5.0


def demo(
    *,
    as_json: Json = False,
    referrals: Annotated[int, typer.Option(min=1, max=5_000, help="How many referrals.")] = 1_000,
    opistos: Annotated[int, typer.Option(min=1, max=200, help="How many opistos of the register, at most.")] = 200,
    seconds: Annotated[float, typer.Option(min=5, max=600, help="How long the partners act.")] = 64.0,
    port_base: Annotated[int, typer.Option(min=1024, max=65_000, help="The monitor's port; the others follow.")] = 8100,
    engine: Annotated[Engine, typer.Option(help="What Kafka and the store are.")] = Engine.EMBEDDED,
    seed: Annotated[int, typer.Option(help="Another seed, other people.")] = 20260901,
) -> None:
    """Carries referrals from regions to opistos and back, on engines of its own; exit 0 only if all is accounted for."""
    # What the Kafka client has to say of a broker that is gone, the demo says in one line itself.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if engine is Engine.ENV:
        raise typer.BadParameter("the demo's people are made up and its clock runs fast: it brings its own engines")
    size = Size(referrals=referrals, opistos=opistos, seconds=seconds, seed=seed)
    live = sys.stdout.isatty() and not as_json
    view = _LiveView() if live else _PlainView(quiet=as_json)
    with view:
        told = play(size, port_base, view.show, view.say, engine)
    if as_json:
        terminal.as_json(_summary(told))
    else:
        _print(told)
    if not told.balance.balances or told.left:
        raise typer.Exit(1)


class _PlainView:
    """A line now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = 0.0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, line: str) -> None:
        if not self._quiet:
            terminal.line(line)

    def show(self, sight: Sight, line: str) -> None:
        now = time.monotonic()
        if line:
            self.say(line)
        elif now - self._last >= _PLAIN_EVERY:
            self._last = now
            loop = " ".join(f"{name} {sight.loop.get(name, 0)}" for name in _LOOP)
            self.say(
                f"day {sight.day:4.1f}  sent {sight.sent}  {sight.a_second:.0f} events/s  {loop}"
                f"  dead letters {sight.dead.total()}  delay p95 <= {_ms(sight.p95_ms)}"
            )


class _LiveView:
    """The picture of the run, drawn anew each second."""

    def __init__(self) -> None:
        self._live = Live(console=Console(), refresh_per_second=4)
        self._lines: list[str] = []
        self._sight = Sight()

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        self._lines = [*self._lines, line][-6:]
        self._draw()

    def show(self, sight: Sight, line: str) -> None:
        self._sight = sight
        if line:
            self.say(line)
        else:
            self._draw()

    def _draw(self) -> None:
        sight = self._sight
        head = Text(f"Kulttuurilähete  day {sight.day:.1f} of {DAYS:.0f}", style="bold")
        loop = Table("", "referrals", "", box=None, pad_edge=False)
        most = max(1, int(sight.loop.get("issued", 0)))
        for name in _LOOP:
            count = int(sight.loop.get(name, 0))
            loop.add_row(name, str(count), Text("█" * round(40 * count / most), style="cyan"))
        flow = Text(
            f"sent {sight.sent}   {sight.a_second:.0f} events/s in all services   "
            f"delay a hop p50 <= {_ms(sight.p50_ms)}, p95 <= {_ms(sight.p95_ms)}"
        )
        dead = Table("dead letters", "", box=None, pad_edge=False)
        for reason, count in sorted(sight.dead.items()):
            dead.add_row(reason, str(count))
        self._live.update(Group(head, loop, flow, dead, Text("\n".join(self._lines), style="dim")))


def _ms(value: float | None) -> str:
    return "?" if value is None else "more than 30 s" if value == float("inf") else f"{value:.0f} ms"


def _print(told: Told) -> None:
    terminal.line("")
    terminal.line("The loop")
    terminal.table(("step", "referrals"), [(name, told.sight.loop.get(name)) for name in _LOOP])
    lost = [
        (where, why, count) for where, whys in told.sight.loop.get("lost", {}).items() for why, count in whys.items()
    ]
    terminal.table(("lost where", "why", "referrals"), lost)
    terminal.line("")
    terminal.line(f"One referral's trace: {told.trace.get('referral_id', '')}")
    rows = [
        (event["time"][:16], event["source"], event["type"].split(".")[2], event["outcome"] or "", event["codes"] or "")
        for event in told.trace.get("events", ())
    ]
    terminal.table(("time", "source", "event", "outcome", "codes"), rows)
    terminal.line("")
    terminal.line("Refused at the door")
    terminal.table(("why", "events"), sorted(told.refused_at_the_door.items()))
    terminal.line("")
    terminal.line("Dead letters")
    terminal.table(("reason", "events"), sorted(told.dead_letters.items()))
    terminal.line("")
    kinds = Counter(fault.kind for fault in told.register_faults)
    terminal.line("Faults of the opisto register")
    terminal.table(("fault", "rows"), sorted(kinds.items()))
    terminal.line("")
    terminal.line("Linked Events that were not taken")
    terminal.table(("event", "why"), [(id_, "; ".join(reasons)) for id_, reasons in told.imports_refused])
    terminal.line("")
    _print_balance(told)


def _print_balance(told: Told) -> None:
    one = told.balance
    back = f"back after {told.back_after:.1f} s" if told.back_after is not None else "not back"
    terminal.line(f"{told.killed} was killed with SIGKILL in the middle; {back}")
    terminal.line(
        f"applied {one.applied} + repeated {one.repeated} + refused {one.refused} + dead-lettered {one.dead_lettered}"
        f" + waiting {one.waiting} = {one.applied + one.repeated + one.refused + one.dead_lettered + one.waiting};"
        f" sent {one.sent}"
    )
    for fault in [*one.faults[:20], *told.left]:
        terminal.line(f"does not add up: {fault}")
    verdict = "It balances" if one.balances and not told.left else "It does NOT balance"
    terminal.line(f"{verdict}. {told.seconds:.0f} s in all.")


def _summary(told: Told) -> dict[str, Any]:
    return {
        "balances": told.balance.balances and not told.left,
        "balance": dataclasses.asdict(told.balance),
        "loop": told.sight.loop,
        "refused_at_the_door": told.refused_at_the_door,
        "dead_letters": told.dead_letters,
        "register_faults": dict(Counter(fault.kind for fault in told.register_faults)),
        "imports_refused": [{"id": id_, "reasons": reasons} for id_, reasons in told.imports_refused],
        "killed": {"service": told.killed, "back_after_seconds": told.back_after},
        "delay_ms": {"p50_at_most": told.sight.p50_ms, "p95_at_most": told.sight.p95_ms},
        "trace": told.trace,
        "left": told.left,
        "seconds": round(told.seconds, 1),
    }
