"""The oracle of docs/scenarios.md: once all is quiet it says what must not be, a line each; no line: all is well.

    declared = Declared()
    declared.expect(Expected(source, id, effects={"ReferralOpened": 1}))   # before it is sent
    declared.accepted(source, id)                                          # each 202, each acknowledgement of Kafka
    faults = await judge(declared, Place.of(folder))

It knows Kafka, HTTP and the files of `lahete run` (observation.py), nothing of the inside. `violations` is the pure part.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from tests.scenarios.observation import Named, Observation, ObservedRecord, RecordPlace, look

Fate = Literal["applied", "dead_lettered", "waiting", "unknown"]
"""An event's outcome as the monitor has it. `unknown`: nobody can read its id, so nobody can ask by it."""

MOST_HISTORIES: Final = 300
"""How many referrals' histories the oracle asks for, evenly spread: the audit keeps each question, which costs."""
_BY_ITS_STATE: Final = frozenset({"rejected", "handler_failed", "conflict"})
"""Reasons that lie in what was there before: other services, or an earlier record of the id, may have had an effect."""


@dataclass(frozen=True)
class Expected:
    """The expected outcome of one event, however often it is sent.

    Args:
        effects: how many distinct events of a class it causes directly; of several classes in sum: `"A|B": 1`. Other
            classes may have any number.
        refusals: the reasons of its dead letters, all of them. With fate `applied`: the id came with other content too.
        history_of: the referral whose history shows it, once.
        parked: the event must wait, so that its effects may come behind those of later events.
    """

    source: str
    id: str
    fate: Fate = "applied"
    effects: Mapping[str, int] = field(default_factory=dict)
    refusals: frozenset[str] = frozenset()
    history_of: str | None = None
    parked: bool = False

    @property
    def named(self) -> Named:
        """(source, id)."""
        return self.source, self.id


class Declared:
    """The declarations of a scenario before it sends, and the answers of the doors and Kafka.

    Args:
        repeats: this broker is librdkafka's, which knows no idempotent producers: a request whose answer came too late is
            written once more, so that the log may hold more than was sent.
    """

    def __init__(self, *, repeats: bool = False) -> None:
        self.repeats = repeats
        self.expected: dict[Named, Expected] = {}
        self.taken: Counter[Named] = Counter()
        self.unknown: Counter[Named] = Counter()
        self.turned_away: set[Named] = set()
        self.nameless_taken = 0
        self.nameless_unknown = 0

    def expect(self, expected: Expected) -> None:
        """Declares an event before it is sent. Raises `ValueError` if it was declared otherwise."""
        if self.expected.setdefault(expected.named, expected) != expected:
            raise ValueError(f"{_event(expected.named)} was declared otherwise")

    def accepted(self, source: str, id_: str) -> None:
        """The event was taken once more: 202, or Kafka acknowledged it."""
        self.taken[source, id_] += 1

    def unanswered(self, source: str, id_: str) -> None:
        """An attempt without an answer, or with 503: it may have landed."""
        self.unknown[source, id_] += 1

    def refused(self, source: str, id_: str) -> None:
        """A door refused the event for good: nothing of it may be on the log."""
        self.turned_away.add((source, id_))

    def nameless(self, *, acknowledged: bool = True) -> None:
        """Kafka took a record that has no id: it must become one dead letter."""
        self.nameless_taken += acknowledged
        self.nameless_unknown += not acknowledged


async def judge(declared: Declared, place: RecordPlace) -> list[str]:
    """Every fault, a line each. Waits up to a minute for quiet, and says so where it does not come."""
    return violations(declared, await see(declared, place))


async def see(declared: Declared, place: RecordPlace) -> Observation:
    """All that the oracle judges: for a scenario that wants to count as well."""
    referrals = sorted({one.history_of for one in declared.expected.values() if one.history_of})
    step = -(-len(referrals) // MOST_HISTORIES) or 1
    return await look(place, list(declared.taken), referrals[::step])


def violations(declared: Declared, observation: Observation) -> list[str]:
    """Every fault in the observation, a line each."""
    return [fault for check in _CHECKS for fault in check(declared, observation)]


# --- no work left


def _all_is_quiet(declared: Declared, observation: Observation) -> Iterator[str]:
    yield from observation.unquiet
    for partition, begin in observation.fell_out.items():
        yield f"{partition} begins at {begin}: what fell out of the log cannot be judged"


# --- what was sent = what took effect ∪ what is dead-lettered ∪ what waits


def _most(declared: Declared, sent: int) -> float:
    return math.inf if declared.repeats else sent


def _all_accepted_is_on_the_log(declared: Declared, observation: Observation) -> Iterator[str]:
    on_the_log = Counter(record.named for record in observation.intake if record.named)
    for named, times in declared.taken.items():
        most = _most(declared, times + declared.unknown[named])
        if not times <= on_the_log[named] <= most:
            yield (
                f"{_event(named)} was accepted {times} times and unanswered {declared.unknown[named]} times; "
                f"the log holds {on_the_log[named]}"
            )
        if named not in declared.expected:
            yield f"{_event(named)} was sent and not declared before"
    known = declared.taken.keys() | declared.unknown.keys()
    for named in declared.turned_away - declared.expected.keys():
        if on_the_log[named]:
            yield f"{_event(named)} was refused at the door and is on the log"
    senders = {source for source, _ in known}
    for named in on_the_log.keys() - known - declared.turned_away:
        if named[0] in senders:
            yield f"{_event(named)} is on the log and was never sent"


def _each_came_to_its_end(declared: Declared, observation: Observation) -> Iterator[str]:
    on_the_log = Counter(record.named for record in observation.intake if record.named)
    for named in declared.taken:
        expected = declared.expected.get(named)
        state, repeated = observation.became.get(named, ("unknown", 0))
        if expected and state != expected.fate:
            yield f"{_event(named)} is {state}, not {expected.fate}"
        if named in observation.became and repeated + 1 != on_the_log[named]:
            yield f"{_event(named)}: the log holds {on_the_log[named]}, the monitor saw {repeated + 1}"


def _dead_letters_are_the_expected(declared: Declared, observation: Observation) -> Iterator[str]:
    found: defaultdict[Named, set[str]] = defaultdict(set)
    nameless: set[str] = set()
    for letter in observation.dead:
        if letter.named is None:
            nameless.add(letter.letter["id"])
        else:
            found[letter.named].add(letter.letter["reason"])
    for named in found.keys() | declared.taken.keys():
        expected = declared.expected.get(named)
        wanted = expected.refusals if expected else frozenset[str]()
        if found.get(named, set()) != wanted:
            got = ", ".join(sorted(found.get(named, ()))) or "not at all"
            yield f"{_event(named)} is dead-lettered as {got}; expected: {', '.join(sorted(wanted)) or 'not at all'}"
    least, most = declared.nameless_taken, declared.nameless_taken + declared.nameless_unknown
    if not least <= len(nameless) <= _most(declared, most):
        yield f"{least} to {most} records without an id were taken, {len(nameless)} are dead-lettered"


def _a_record_has_one_dead_letter_a_service(declared: Declared, observation: Observation) -> Iterator[str]:
    originals = {record.at: record for record in observation.records}
    letters: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for letter in observation.dead:
        said = letter.letter
        where = f"{said['topic']}[{said['partition']}]@{said['offset']}"
        letters[said["service"], where].add(said["id"])
        original = originals.get(where)
        if said["topic"].startswith("redrive."):
            continue
        if original is None:
            yield f"the dead letter {said['id']} is of {where}, where nothing stands"
        elif said["reason"] != "personal_data" and original.original != letter.original:
            yield f"the dead letter {said['id']} differs from its original at {where}"
    for (service, where), ids in letters.items():
        if len(ids) > 1:
            yield f"{service} dead-lettered {where} under {len(ids)} ids: {', '.join(sorted(ids))}"


# --- exactly one effect, exactly one id of it


def _a_repetition_says_the_same(declared: Declared, observation: Observation) -> Iterator[str]:
    first: dict[tuple[str, Named], ObservedRecord] = {}
    for record in observation.decided:
        if record.named is None:
            yield f"{record.at} has no id"
            continue
        known = first.setdefault((record.topic, record.named), record)
        if (known.content, known.partition) != (record.content, record.partition):
            yield f"{record.name} {record.named[1]} says one thing at {known.at} and another at {record.at}"


def _no_effect_has_two_ids(declared: Declared, observation: Observation) -> Iterator[str]:
    ids: defaultdict[tuple[str, str, bytes | None, str, bytes], set[str]] = defaultdict(set)
    for record in observation.decided:
        if (cause := record.attributes.get("causationid")) and record.named:
            ids[record.topic, record.name, record.key, cause, record.data].add(record.named[1])
    for (topic, name, _, cause, _), twins in ids.items():
        if len(twins) > 1:
            yield f"{name} on {topic}, caused by {cause}, came under {len(twins)} ids: {', '.join(sorted(twins))}"


def _effects_are_the_declared(declared: Declared, observation: Observation) -> Iterator[str]:
    caused: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for record in observation.decided:
        if (cause := record.attributes.get("causationid")) and record.named:
            caused[cause][record.named[1]] = record.name
    for named, expected in declared.expected.items():
        if not declared.taken[named]:
            continue
        counts = Counter(caused[named[1]].values())
        for classes, count in expected.effects.items():
            got = sum(counts[name] for name in classes.split("|"))
            if got != count:
                yield f"{_event(named)} has {got} effects of {classes}, not {count}"
        if expected.fate != "applied" and not expected.refusals & _BY_ITS_STATE and counts:
            yield f"{_event(named)} is to be {expected.fate} and has effects: {', '.join(sorted(counts))}"


def _a_history_shows_each_once(declared: Declared, observation: Observation) -> Iterator[str]:
    wanted: defaultdict[str, set[Named]] = defaultdict(set)
    for named, expected in declared.expected.items():
        if expected.history_of and declared.taken[named]:
            wanted[expected.history_of].add(named)
    for referral, history in observation.histories.items():
        shown = Counter(history)
        for named in wanted[referral] - shown.keys():
            yield f"the history of {referral} lacks {_event(named)}"
        for named, times in shown.items():
            if times > 1:
                yield f"the history of {referral} has {_event(named)} {times} times"
            if named not in wanted[referral]:
                yield f"the history of {referral} has {_event(named)}, which is not to be in it"


def _nobody_is_told_twice(declared: Declared, observation: Observation) -> Iterator[str]:
    for recipient, told in observation.feeds.items():
        for named, times in Counter(told).items():
            if times > 1:
                yield f"{recipient} was told {_event(named)} {times} times"


# --- order


def _effects_of_a_key_are_in_order(declared: Declared, observation: Observation) -> Iterator[str]:
    """Each service speaks in the order of the records of one partition and key, repetitions apart."""
    parked = {expected.id for expected in declared.expected.values() if expected.parked}
    causes: dict[str, ObservedRecord] = {}
    for record in observation.intake:
        if record.named and record.named[1] not in parked:
            causes.setdefault(record.named[1], record)
    spoken: defaultdict[tuple[str, int, bytes | None, str, int, bytes | None], list[ObservedRecord]] = defaultdict(list)
    seen: set[Named] = set()
    for record in observation.decided:
        cause = causes.get(record.attributes.get("causationid", ""))
        if cause is None or record.named is None or record.named in seen:
            continue
        seen.add(record.named)
        spoken[cause.topic, cause.partition, cause.key, record.topic, record.partition, record.key].append(record)
    for effects in spoken.values():
        for before, after in pairwise(effects):
            one, other = causes[before.attributes["causationid"]], causes[after.attributes["causationid"]]
            if one.offset > other.offset:
                yield (
                    f"{after.name} at {after.at}, caused by {other.at}, comes behind {before.name} at {before.at}, "
                    f"caused by the later {one.at}"
                )


def _event(named: Named) -> str:
    return f"{named[0]} {named[1]}"


_CHECKS: Sequence[Callable[[Declared, Observation], Iterator[str]]] = (
    _all_is_quiet,
    _all_accepted_is_on_the_log,
    _each_came_to_its_end,
    _dead_letters_are_the_expected,
    _a_record_has_one_dead_letter_a_service,
    _a_repetition_says_the_same,
    _no_effect_has_two_ids,
    _effects_are_the_declared,
    _a_history_shows_each_once,
    _nobody_is_told_twice,
    _effects_of_a_key_are_in_order,
)
