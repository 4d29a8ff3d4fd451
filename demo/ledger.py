"""The demo's ledger of its sendings: every attempt, the door's answer, and at the end whether all are accounted for.

Pure, except for being filled. `balance` compares this side's ledger with what the monitor saw: neither alone is proof.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Named = tuple[str, str]
"""(source, id)."""


@dataclass
class Ledger:
    """The demo's sendings."""

    accepted: Counter[Named] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[Named] = field(default_factory=Counter)
    """Attempts without an answer (a door was killed): they may have landed, and the demo sent them again."""
    nameless: int = 0
    """Records that Kafka took and that hold no id: each must become one dead letter."""

    @property
    def sent(self) -> int:
        """Every answered attempt."""
        return self.accepted.total() + self.refused.total() + self.nameless


@dataclass(frozen=True)
class Balance:
    """Where every sending has ended. `faults` says what does not add up; without one, the ledger balances."""

    sent: int
    applied: int
    repeated: int
    refused: int
    dead_lettered: int
    waiting: int
    faults: tuple[str, ...]

    @property
    def accounted(self) -> int:
        """How many events' end is known."""
        return self.applied + self.repeated + self.refused + self.dead_lettered + self.waiting

    @property
    def balances(self) -> bool:
        """Whether every event sent is accounted for."""
        return not self.faults and self.accounted == self.sent


def balance(ledger: Ledger, became: Iterable[Mapping[str, Any]], dead_letters: Iterable[Mapping[str, Any]]) -> Balance:
    """Holds the ledger against the monitor's answers about each id (`state`, `repeated`) and its dead letters."""
    letters = Counter((str(one["sender"]), str(one["event_id"])) for one in dead_letters if one["event_id"])
    nameless = sum(1 for one in dead_letters if not one["event_id"])
    faults = (
        [] if nameless == ledger.nameless else [f"{ledger.nameless} records without an id, {nameless} dead letters"]
    )
    counts: Counter[str] = Counter(dead_lettered=nameless)
    landed = 0
    known = {(str(one["source"]), str(one["id"])): one for one in became}
    for named, sent in ledger.accepted.items():
        one = known.get(named, {"state": "unknown", "repeated": -1})
        seen = int(one["repeated"]) + 1
        if not sent <= seen <= sent + ledger.unanswered[named]:
            faults.append(f"{named[0]} {named[1]}: accepted {sent} times, seen {seen} times")
        landed += max(0, seen - sent)
        counts += _records(str(one["state"]), seen, letters[named])
        if one["state"] == "dead_lettered" and not letters[named]:
            faults.append(f"{named[0]} {named[1]} is dead-lettered, and no dead letter of it is there")
        if one["state"] in {"unknown", "in_flight"}:
            faults.append(f"{named[0]} {named[1]} is {one['state']}")
    strangers = [named for named in letters if named not in ledger.accepted]
    faults += [f"a dead letter of {source} {id_}, which was never accepted" for source, id_ in strangers]
    return Balance(
        sent=ledger.sent + landed,
        applied=counts["applied"],
        repeated=counts["repeated"],
        refused=ledger.refused.total(),
        dead_lettered=counts["dead_lettered"],
        waiting=counts["waiting"],
        faults=tuple(faults),
    )


def _records(state: str, seen: int, letters: int) -> Counter[str]:
    """The records of one event: one took effect or waits, some are dead letters, the others repetitions."""
    effect = 1 if state in {"applied", "waiting"} else 0
    records = Counter({"dead_lettered": letters, "repeated": max(0, seen - effect - letters)})
    if effect:
        records[state] += 1
    return records
