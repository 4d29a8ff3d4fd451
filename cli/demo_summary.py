"""The demo's summary at its end: tables above, and on the last screen the loop, the events, and the verdict."""

import dataclasses
from collections import Counter
from typing import Any, Final

from cli import terminal
from demo.register import load_opistos
from demo.simulation import KILLED, DemoResult
from demo.size import Size
from demo.terms import STEPS, terms
from demo.verdict import LOST, TOO_MUCH, TRUE, Verdict, judge

WIDTH: Final = 80
_REASONS: Final = 2
_ON_THE_WAY: Final = ("proposed", "placed", "attended")
_WORDS: Final = "  repeated: no effect; dead-lettered: kept with its reason; waiting: for another"


def verdict(result: DemoResult) -> Verdict:
    """The verdict on the run."""
    return judge(result.course, result.balance, result.seen.loop, result.seen.dead)


def advice(size: Size) -> str:
    """What to try if the machine could not carry the run."""
    fewer = max(1, size.referrals // 3)
    return f"Try fewer at once, or give it longer: --referrals {fewer}, --seconds {min(600, round(size.seconds * 3))}"


def show(result: DemoResult, size: Size, seconds: float) -> None:
    """Prints all of it."""
    found = verdict(result)
    _show_tables(result)
    for line in found.lines[_REASONS:]:
        terminal.line(line)
    for line in last_screen(result, size, seconds):
        terminal.line(line)


def last_screen(result: DemoResult, size: Size, seconds: float) -> list[str]:
    """The end of the summary, with the numbers that a reader adds up."""
    found = verdict(result)
    return [
        "",
        *_loop(result),
        *_groups(result),
        *_purpose(result),
        *_events(result),
        *(line[: WIDTH - 1] for line in found.lines[:_REASONS]),
        *_end(found, size, seconds),
    ]


def _loop(result: DemoResult) -> list[str]:
    loop = result.seen.loop
    stand = terms(loop)
    issued, closed = loop.get("issued", 0), loop.get("closed", 0)
    way = ", ".join(f"{loop.get(name, 0)} {STEPS[name]}" for name in _ON_THE_WAY)
    return [
        *(f"{term.count:>5} {term.name:<18}{term.meaning}" for term in stand),
        f"{sum(term.count for term in stand):>5} in all: each of {issued} referrals, once; of {closed} the region was told the end",
        f"Of them {way} to a session",
    ]


def _groups(result: DemoResult) -> list[str]:
    stand = result.course.groups
    said = ", ".join(f"{count} {name}" for name, count in sorted(stand.items()))
    return [line[: WIDTH - 1] for line in (f"Groups of units: {sum(stand.values())}: {said}",)]


def _purpose(result: DemoResult) -> list[str]:
    made = sum(made.count for made in result.faults)
    back = "not back" if result.back_after is None else f"back after {result.back_after:.1f} s"
    return [f"On purpose: {made} faults (listed above); kill -9 of {KILLED}, {back}"]


def _events(result: DemoResult) -> list[str]:
    one = result.balance
    took = f"Events: {one.applied} applied + {one.repeated} repeated + {one.refused} refused"
    return [
        f"{took} + {one.dead_lettered} dead-lettered",
        f"  + {one.waiting} waiting = {one.accounted}; sent {one.sent}",
        _WORDS,
    ]


def _end(found: Verdict, size: Size, seconds: float) -> list[str]:
    said = {
        TRUE: "All adds up, and the loop is true",
        LOST: "It does NOT add up",
        TOO_MUCH: "Nothing is lost, but this machine could not carry it",
    }[found.code]
    line = f"{said}. {seconds:.0f} s in all."
    return [line, advice(size)] if found.code == TOO_MUCH else [line]


def _show_tables(result: DemoResult) -> None:
    _table(
        f"One referral's trace: {result.trace.get('referral_id', '')}",
        ("time", "source", "event", "outcome", "codes"),
        [
            ((one["time"] or "")[:16], one["source"], _short(one["type"]), one["outcome"] or "", one["codes"] or "")
            for one in result.trace.get("events", ())
            if not one["machinery"]
        ],
    )
    _table(
        "Faults made on purpose, and what is meant to come of each",
        ("fault", "made", "meant"),
        [(made.kind, made.count, made.meant) for made in result.faults],
    )
    _table(
        "What the guidelines (K) and the county's project (V) ask for",
        ("asked by", "what", "there are"),
        [(one.guideline, one.what, one.came) for one in result.course.flows],
    )
    _table("Refused at the door", ("why", "events"), sorted(result.refused_at_the_door.items()))
    _table("Dead letters", ("reason", "events"), sorted(result.seen.dead.items()))
    _table("Faults of the opisto register", ("fault", "rows"), sorted(_register_faults().items()))
    _table(
        "Linked Events that were not taken",
        ("event", "why"),
        [(id_, "; ".join(reasons)) for id_, reasons in result.imports_refused],
    )


def _short(type_: str | None) -> str:
    """A class without the prefix that all have; a trace also shows types that have none of ours."""
    return (type_ or "").removeprefix("fi.kulttuurilahete.")


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    terminal.line("")
    terminal.line(title)
    terminal.table(columns, rows)


def _register_faults() -> Counter[str]:
    return Counter(fault.kind for fault in load_opistos()[1])


def document(result: DemoResult, seconds: float) -> dict[str, Any]:
    """All of it as JSON."""
    found = verdict(result)
    return {
        "exit_code": found.code,
        "why": found.lines,
        "balances": result.balance.balances,
        "balance": dataclasses.asdict(result.balance),
        "day": round(result.course.day, 2),
        "loop": result.seen.loop,
        "groups": dict(result.course.groups),
        "flows": [one._asdict() for one in result.course.flows],
        "terms": {term.name: term.count for term in terms(result.seen.loop)},
        "faults": [dataclasses.asdict(made) for made in result.faults],
        "refused_at_the_door": result.refused_at_the_door,
        "dead_letters": dict(result.seen.dead),
        "register_faults": dict(_register_faults()),
        "imports_refused": [{"id": id_, "reasons": reasons} for id_, reasons in result.imports_refused],
        "killed": {"service": KILLED, "back_after_seconds": result.back_after},
        "delay_ms": {"p50_at_most": result.seen.p50_ms, "p95_at_most": result.seen.p95_ms},
        "trace": result.trace,
        "left": [*result.course.unread, *result.course.running],
        "seconds": round(seconds, 1),
    }
