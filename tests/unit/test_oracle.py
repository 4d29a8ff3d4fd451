"""The oracle finds each kind of violation in made-up records, and nothing where all is well."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.scenarios.observation import Headers, Named, Observation, ObservedRecord
from tests.scenarios.oracle import Declared, Expected, violations

REGION = "/region/06"
KEY = b"referral-1"
TYPE = "fi.kulttuurilahete.{}.v1"


def record(
    topic: str, offset: int, source: str, id_: str, name: str, *, value: bytes = b"{}", key: bytes = KEY, **more: str
) -> ObservedRecord:
    attributes = {"id": id_, "source": source, "type": TYPE.format(name), **more}
    headers: Headers = [(f"ce_{one}", text.encode()) for one, text in attributes.items()]
    return ObservedRecord.read(topic, 0, offset, key, value, headers)


def sent(offset: int, id_: str, name: str = "ReferralIssued", value: bytes = b"{}") -> ObservedRecord:
    return record("intake.http", offset, REGION, id_, name, value=value)


def effect(offset: int, id_: str, cause: str, name: str = "ReferralOpened", value: bytes = b"{}") -> ObservedRecord:
    return record("referral.events", offset, "/service/referral", id_, name, value=value, causationid=cause)


def letter(
    offset: int, dl_id: str, of: ObservedRecord, reason: str = "invalid", value: bytes = b"{}"
) -> ObservedRecord:
    attributes = {f"ce_{name}": text for name, text in of.attributes.items()}
    added = {
        "dl_id": dl_id,
        "dl_reason": reason,
        "dl_service": "referral",
        "dl_topic": of.topic,
        "dl_partition": str(of.partition),
        "dl_offset": str(of.offset),
        "dl_time": f"{offset}",
    }
    headers: Headers = [(name, text.encode()) for name, text in (attributes | added).items()]
    return ObservedRecord.read("dead-letters", 0, offset, of.key, value, headers)


@dataclass
class ObservedRun:
    """Two events that took effect in order, and one that is dead-lettered; all is well."""

    declared: Declared = field(default_factory=Declared)
    records: list[ObservedRecord] = field(default_factory=list)
    became: dict[Named, tuple[str, int]] = field(default_factory=dict)
    histories: dict[str, list[Named]] = field(default_factory=dict)
    feeds: dict[str, list[Named]] = field(default_factory=dict)
    unquiet: list[str] = field(default_factory=list)
    fell_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        opens = Expected(REGION, "issued", effects={"ReferralOpened": 1}, history_of="referral-1")
        asks = Expected(REGION, "chosen", effects={"PlaceRequested|PlaceGivenUp": 1}, history_of="referral-1")
        broken = Expected(REGION, "broken", fate="dead_lettered", refusals=frozenset({"invalid"}))
        for expected in (opens, asks, broken):
            self.declared.expect(expected)
            self.declared.accepted(*expected.named)
        bad = sent(2, "broken")
        self.records = [
            sent(0, "issued"),
            sent(1, "chosen", "ActivityChosen"),
            bad,
            effect(0, "e1", "issued"),
            effect(1, "e2", "chosen", "PlaceRequested"),
            letter(0, "d1", bad),
        ]
        self.became = {
            (REGION, "issued"): ("applied", 0),
            (REGION, "chosen"): ("applied", 0),
            (REGION, "broken"): ("dead_lettered", 0),
        }
        self.histories = {"referral-1": [(REGION, "issued"), (REGION, "chosen")]}
        self.feeds = {REGION: [("/service/referral", "e1")]}

    def faults(self) -> list[str]:
        observation = Observation(self.records, self.fell_out, self.became, self.unquiet, self.histories, self.feeds)
        return violations(self.declared, observation)


def test_where_all_is_well_the_oracle_has_nothing_to_say() -> None:
    assert ObservedRun().faults() == []


def test_a_repetition_on_the_wire_that_says_the_same_is_no_fault_whatever_its_time() -> None:
    world = ObservedRun()
    again = replace(world.records[3], offset=2, attributes={**world.records[3].attributes, "time": "later"})
    world.records.append(again)
    world.records.append(letter(1, "d1", world.records[2]))
    assert world.faults() == []


def test_an_event_that_was_sent_again_is_no_fault() -> None:
    world = ObservedRun()
    world.declared.accepted(REGION, "issued")
    world.declared.unanswered(REGION, "chosen")
    world.records += [sent(3, "issued"), sent(4, "chosen", "ActivityChosen")]
    world.became[REGION, "issued"] = ("applied", 1)
    world.became[REGION, "chosen"] = ("applied", 1)
    assert world.faults() == []


@pytest.mark.parametrize("repeats", [True, False])
def test_of_an_event_the_log_holds_more_than_was_sent_where_the_broker_repeats_alone(*, repeats: bool) -> None:
    world = ObservedRun(Declared(repeats=repeats))
    world.records.append(sent(3, "issued"))
    world.became[REGION, "issued"] = ("applied", 1)
    assert [fault for fault in world.faults() if "the log holds 2" in fault] == world.faults()
    assert bool(world.faults()) is not repeats


def test_effects_of_what_was_parked_may_come_behind() -> None:
    world = ObservedRun()
    world.declared.expected[REGION, "issued"] = replace(world.declared.expected[REGION, "issued"], parked=True)
    world.records[3], world.records[4] = replace(world.records[4], offset=0), replace(world.records[3], offset=1)
    assert world.faults() == []


# --- each kind of violation


def _lag(world: ObservedRun) -> str:
    world.unquiet = ["notify has 3 events of referral.events[0] still to read"]
    return "notify has 3 events"


def _fell_out(world: ObservedRun) -> str:
    world.fell_out = {"intake.http[0]": 7}
    return "begins at 7"


def _lost(world: ObservedRun) -> str:
    del world.records[1]
    del world.became[REGION, "chosen"]
    return "the log holds 0"


def _never_sent(world: ObservedRun) -> str:
    world.records.append(sent(3, "stranger"))
    return "was never sent"


def _refused_and_on_the_log(world: ObservedRun) -> str:
    world.declared.refused(REGION, "refused")
    world.records.append(sent(3, "refused"))
    return "refused at the door and is on the log"


def _undeclared(world: ObservedRun) -> str:
    world.declared.accepted(REGION, "surprise")
    world.records.append(sent(3, "surprise"))
    world.became[REGION, "surprise"] = ("applied", 0)
    return "not declared before"


def _in_flight(world: ObservedRun) -> str:
    world.became[REGION, "issued"] = ("in_flight", 0)
    return "is in_flight, not applied"


def _miscounted(world: ObservedRun) -> str:
    world.became[REGION, "issued"] = ("applied", 1)
    return "the monitor saw 2"


def _dead_letter_lacks(world: ObservedRun) -> str:
    del world.records[5]
    return "dead-lettered as not at all; expected: invalid"


def _dead_letter_too_many(world: ObservedRun) -> str:
    world.records.append(letter(1, "d2", world.records[0], "handler_failed"))
    return "dead-lettered as handler_failed; expected: not at all"


def _dead_letter_of_the_nameless_lacks(world: ObservedRun) -> str:
    world.declared.nameless()
    return "1 to 1 records without an id were taken, 0 are dead-lettered"


def _dead_letter_differs(world: ObservedRun) -> str:
    world.records[5] = letter(0, "d1", world.records[2], value=b"{ }")
    return "differs from its original"


def _dead_letter_of_nothing(world: ObservedRun) -> str:
    world.records[5] = letter(0, "d1", replace(world.records[2], offset=99))
    return "where nothing stands"


def _two_dead_letters_of_one_record(world: ObservedRun) -> str:
    world.records.append(letter(1, "d2", world.records[2]))
    return "under 2 ids: d1, d2"


def _same_id_other_content(world: ObservedRun) -> str:
    world.records.append(effect(2, "e1", "issued", value=b'{"code": 1}'))
    return "says one thing at referral.events[0]@0 and another at referral.events[0]@2"


def _an_effect_without_an_id(world: ObservedRun) -> str:
    world.records.append(ObservedRecord.read("referral.events", 0, 2, KEY, b"{}", []))
    return "has no id"


def _the_same_effect_twice(world: ObservedRun) -> str:
    # Of a class of which nothing is declared: the oracle knows it by its content.
    world.records += [effect(2, "e3", "chosen", "MatchingEnded"), effect(3, "e4", "chosen", "MatchingEnded")]
    return "came under 2 ids: e3, e4"


def _an_effect_too_many(world: ObservedRun) -> str:
    world.records.append(effect(2, "e3", "chosen", "PlaceGivenUp"))
    return "has 2 effects of PlaceRequested|PlaceGivenUp, not 1"


def _no_effect(world: ObservedRun) -> str:
    del world.records[3]
    return "has 0 effects of ReferralOpened, not 1"


def _an_effect_of_what_is_dead(world: ObservedRun) -> str:
    world.records.append(effect(2, "e3", "broken"))
    return "is to be dead_lettered and has effects: ReferralOpened"


def _history_lacks(world: ObservedRun) -> str:
    world.histories["referral-1"].pop()
    return f"the history of referral-1 lacks {REGION} chosen"


def _history_doubles(world: ObservedRun) -> str:
    world.histories["referral-1"].append((REGION, "chosen"))
    return "chosen 2 times"


def _history_has_a_stranger(world: ObservedRun) -> str:
    world.histories["referral-1"].append((REGION, "broken"))
    return "broken, which is not to be in it"


def _told_twice(world: ObservedRun) -> str:
    world.feeds[REGION].append(("/service/referral", "e1"))
    return f"{REGION} was told /service/referral e1 2 times"


def _out_of_order(world: ObservedRun) -> str:
    world.records[3], world.records[4] = replace(world.records[4], offset=0), replace(world.records[3], offset=1)
    return "caused by the later intake.http[0]@1"


@pytest.mark.parametrize(
    "break_it",
    [
        _lag,
        _fell_out,
        _lost,
        _never_sent,
        _refused_and_on_the_log,
        _undeclared,
        _in_flight,
        _miscounted,
        _dead_letter_lacks,
        _dead_letter_too_many,
        _dead_letter_of_the_nameless_lacks,
        _dead_letter_differs,
        _dead_letter_of_nothing,
        _two_dead_letters_of_one_record,
        _same_id_other_content,
        _an_effect_without_an_id,
        _the_same_effect_twice,
        _an_effect_too_many,
        _no_effect,
        _an_effect_of_what_is_dead,
        _history_lacks,
        _history_doubles,
        _history_has_a_stranger,
        _told_twice,
        _out_of_order,
    ],
    ids=lambda one: one.__name__.strip("_"),
)
def test_the_oracle_finds(break_it: Callable[[ObservedRun], str]) -> None:
    world = ObservedRun()
    wanted = break_it(world)
    faults = world.faults()
    assert any(wanted in fault for fault in faults), faults


def test_the_same_event_cannot_be_declared_in_two_ways() -> None:
    declared = Declared()
    declared.expect(Expected(REGION, "one"))
    declared.expect(Expected(REGION, "one"))
    with pytest.raises(ValueError, match="declared otherwise"):
        declared.expect(Expected(REGION, "one", fate="waiting"))


@pytest.mark.parametrize("module", ["oracle.py", "observation.py"])
def test_the_oracle_knows_nothing_of_the_inside(module: str) -> None:
    source = (Path(__file__).parents[1] / "scenarios" / module).read_text(encoding="utf-8")
    imported = {
        str(node.module) if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    inside = {name for name in imported if name.partition(".")[0] in {"services", "shared", "deploy", "cli"}}
    assert inside <= {"shared.contracts.topics"}
