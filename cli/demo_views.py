"""The demo's view while it runs: a picture on a terminal, a line now and then elsewhere."""

import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import terminal
from demo.look import Snapshot
from demo.size import DAYS
from demo.terms import STEPS

_PLAIN_EVERY = 5.0
_LINES = 5


class PlainView:
    """A view of a line now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = 0.0

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Nothing more is shown."""
        self._quiet = True

    def say(self, line: str) -> None:
        """A line about what goes on."""
        if not self._quiet:
            terminal.line(line)

    def show(self, seen: Snapshot, line: str) -> None:
        """One look."""
        now = time.monotonic()
        if line:
            self.say(line)
        elif now - self._last >= _PLAIN_EVERY:
            self._last = now
            loop = ", ".join(f"{word} {seen.loop.get(name, 0)}" for name, word in STEPS.items())
            self.say(
                f"day {seen.day:4.1f}  {pace(seen)}  sent {seen.sent}  {seen.a_second:.0f} events/s  {loop}"
                f"  dead letters {seen.dead.total()}  delay p95 <= {milliseconds(seen.p95_ms)}"
            )


class LiveView:
    """The picture of the run, redrawn each second."""

    def __init__(self) -> None:
        self._live = Live(console=Console(), refresh_per_second=4)
        self._lines: list[str] = []
        self._seen = Snapshot()
        self._over = False

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Leaves the picture as it is; later lines stand under it."""
        self._over = True
        self._live.stop()

    def say(self, line: str) -> None:
        """A line about what goes on."""
        if self._over:
            terminal.line(line)
            return
        self._lines = [*self._lines, line][-_LINES:]
        self._draw()

    def show(self, seen: Snapshot, line: str) -> None:
        """One look."""
        self._seen = seen
        if line:
            self.say(line)
        else:
            self._draw()

    def _draw(self) -> None:
        seen = self._seen
        head = Text(f"Kulttuurilähete  day {seen.day:.1f} of {DAYS:.0f}  clock: {pace(seen)}", style="bold")
        flow = Text(
            f"sent {seen.sent}; {seen.a_second:.0f} events/s in all services; "
            f"a hop p50 <= {milliseconds(seen.p50_ms)}, p95 <= {milliseconds(seen.p95_ms)}"
        )
        lines = Text("\n".join(self._lines), style="dim")
        self._live.update(Group(head, _loop(seen), flow, _dead(seen), lines))


def _loop(seen: Snapshot) -> Table:
    loop = Table("", "referrals", "", box=None, pad_edge=False)
    most = max(1, int(seen.loop.get("issued", 0)))
    for name, word in STEPS.items():
        count = int(seen.loop.get(name, 0))
        loop.add_row(word, str(count), Text("█" * round(40 * count / most), style="cyan"))
    return loop


def _dead(seen: Snapshot) -> Table:
    dead = Table("dead letters", "", box=None, pad_edge=False)
    for reason, count in sorted(seen.dead.items()):
        dead.add_row(reason, str(count))
    return dead


def pace(seen: Snapshot) -> str:
    """The clock's pace, and who slows it down."""
    if seen.pace == 1:
        return "full pace"
    return f"pace {seen.pace:.0%}, {seen.slowest} lags"


def milliseconds(value: float | None) -> str:
    """The upper end of a bucket of delays."""
    return "?" if value is None else "more than 30 s" if value == float("inf") else f"{value:.0f} ms"
