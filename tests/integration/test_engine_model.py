"""The engine's protocol against a simple model of it, by Hypothesis's state machine.

Two consumers and a sweep work at once at two aggregates on a real SQLite store, with a ring of 0, 1 or 64. They are let
a step at a time, in any order; at any step one may die, be robbed of its partitions and go on all the same, or never
hear the answer. The model is a list of what was said and a handful of rules of what must have come of it; how the engine
goes about it, it does not know. A failing run is printed as a program. LAHETE_MODEL_RUNS=5000 looks longer, by chance.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.contracts import topics
from shared.contracts.data import Data
from shared.contracts.identity import following_id
from shared.engine.model import Document
from shared.kafka.producer import Record
from shared.store.interface import Outcome
from tests.integration import conftest  # noqa: F401 - quiets the log
from tests.integration.engine_group import PARTITIONS, Actor, Consumer, Group, How, Sweep, closed, now, opened
from tests.integration.engine_world import (
    OPISTO,
    REGION,
    Letter,
    Tally,
    attend,
    choose,
    header,
    issue,
    referral,
    withdraw,
)

RUNS: Final = int(os.environ.get("LAHETE_MODEL_RUNS", "0"))
AGGREGATES: Final = (1, 2)
Name = tuple[str, str]
Fact = tuple[str, int, str, bool]
"""What is said, about which aggregate, under which id, and whether over Kafka."""

FACTS: Final = st.tuples(
    st.sampled_from(("issue", "attend", "a", "a:b", "refused", "broken")),
    st.sampled_from((1, 1, 2)),
    st.sampled_from(("x0", "x1", "x2")),
    st.booleans(),
)
_CONSUMER, _ACTOR = st.integers(0, 1), st.integers(0, 2)
_WORK = st.tuples(st.just("work"), st.lists(st.sampled_from((0, 1, 0, 1, 2)), min_size=4, max_size=16))
"""Who takes a step, in turn: long enough that two are in the middle of the same."""
HAPPENINGS: Final = st.one_of(
    *[_WORK] * 6,
    st.tuples(st.just("finishes"), _ACTOR),
    *[st.tuples(st.just("is_not_answered"), _ACTOR, st.sampled_from(("unanswered", "refused")))] * 2,
    *[st.tuples(st.just("is_robbed"), _CONSUMER)] * 2,
    st.tuples(st.just("gets"), _CONSUMER, st.sampled_from(PARTITIONS)),
    *[st.tuples(st.just("dies"), _ACTOR)] * 2,
    st.tuples(st.just("says"), FACTS),
    st.tuples(st.just("redrives"), st.integers(0, 7), st.booleans()),
    st.tuples(st.sampled_from(("mumbles", "all_is_reset", "all_comes_to_rest"))),
)


@dataclass
class Said:
    """An event as it was first said, and what a person did about it since."""

    source: str
    id: str
    number: int
    what: str
    topic: str
    parked: bool
    """It may have to wait for what stands before it elsewhere."""
    redriven: dict[int, bool] = field(default_factory=dict)
    """Attempts, and whether the cause was mended then."""

    @property
    def name(self) -> Name:
        return self.source, self.id

    @property
    def key(self) -> str:
        """As a tally counts it."""
        return f"{self.source} {self.id}"

    @property
    def hindered(self) -> bool:
        return self.what.startswith(("broken", "refused")) and not any(self.redriven.values())

    def effects(self) -> Iterator[str]:
        """The ids of all that follows once it is applied."""
        keys = {"issue": [""], "attend": []}.get(self.what) or ([] if self.what == "attend" else self.what.split(":"))
        name = "ReferralOpened" if self.what == "issue" else "PlaceRequested"
        for key in keys:
            yield following_id("referral", f"tallies/{referral(self.number)}", self.name, name, key)


class Model:
    """What was said, and what must come of it. What is to be erased comes to different ends, as erasure comes sooner or later."""

    def __init__(self) -> None:
        self.first: dict[Name, Said] = {}
        self.conflicts: Counter[int] = Counter()
        self.garbage = 0
        self.erased: set[int] = set()

    @property
    def kept(self) -> list[Said]:
        return [said for said in self.first.values() if said.number not in self.erased]

    def about(self, number: int) -> list[Said]:
        return [said for said in self.first.values() if said.number == number]

    def is_open(self, number: int) -> bool:
        return any(said.what == "issue" for said in self.about(number))

    def waits(self, said: Said) -> bool:
        return said.what not in {"issue", "attend"} and not self.is_open(said.number)

    def applied(self, number: int) -> set[str]:
        return {said.key for said in self.about(number) if not self.waits(said) and not said.hindered}

    def waiting(self, number: int) -> set[Name]:
        return {said.name for said in self.about(number) if self.waits(said)}

    def letters(self) -> Counter[tuple[Name, str]]:
        """Each refusal by the attempt that it was."""
        refused = [one for one in self.kept if one.what.startswith(("broken", "refused"))]
        tries = [
            (one, 1 + sum(not mended for mended in one.redriven.values())) for one in refused if not self.waits(one)
        ]
        return Counter((one.name, str(attempt + 1)) for one, count in tries for attempt in range(count))

    def settled(self) -> set[Name]:
        """Whose dead letters are done with."""
        return {said.name for said in self.kept if any(said.redriven.values())}

    def effects(self) -> set[str]:
        applied = [one for one in self.kept if not self.waits(one) and not one.hindered]
        return {effect for said in applied for effect in said.effects()}


class Engine(RuleBasedStateMachine):
    """Any course that things can take."""

    @initialize(recent_outcomes=st.sampled_from((0, 1, 64)), facts=st.lists(FACTS, min_size=4, max_size=12))
    def begin(self, recent_outcomes: int, facts: list[Fact]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = opened(Path(self.folder.name), recent_outcomes)
        self.model = Model()
        self.group = Group(self.world)
        self.consumers = [Consumer(self.group) for _ in range(2)]
        self.actors: tuple[Actor, ...] = (*self.consumers, Sweep(self.world))
        # Each consumer has a partition, and both concern the same aggregates, of which something is known already.
        for number, partition in enumerate(PARTITIONS):
            self.gets(number % 2, partition)
        for fact in facts:
            self.says(fact)
        self.consumers[0].take_up()
        self.consumers[0].finish()

    @rule(happening=HAPPENINGS)
    def happens(self, happening: tuple[Any, ...]) -> None:
        """One rule for all, since of several Hypothesis leaves some out of a run."""
        what, *which = happening
        getattr(self, what)(*which)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.all_comes_to_rest()
            finally:
                for actor in self.actors:
                    actor.die()
                closed(self.world)
                self.folder.cleanup()

    # --- what senders and people do

    def says(self, fact: Fact) -> None:
        """Ids meet again: as a repetition, with other content, from another source."""
        what, number, id_, by_kafka = fact
        source, topic = (REGION, "intake.region.06") if by_kafka else (OPISTO, topics.INTAKE_HTTP)
        if what != "attend" and not by_kafka:
            source = "/region/07"
        elif by_kafka and what == "attend":
            what = "a"
        id_ = f"{id_}-{number}"  # what is remembered is per aggregate
        hinder = {"broken": self.world.context.broken, "refused": self.world.context.refused}.get(what)
        if hinder is not None:
            what = f"{what}-{source.rpartition('/')[2]}-{id_}"
        said = self.model.first.get((source, id_))
        if said is None:
            if hinder is not None:
                hinder.add(what)
            opened = any(one.what == "issue" and one.topic == topic for one in self.model.about(number))
            parked = what not in {"issue", "attend"} and not opened
            self.model.first[source, id_] = Said(source, id_, number, what, topic, parked)
        elif said.what != what:
            self.model.conflicts[number] += 1
        self.world.log.event(_data(what, number), id=id_, source=source, topic=topic)

    def mumbles(self) -> None:
        """A record that nobody can read."""
        self.model.garbage += 1
        self.world.log.raw(topics.INTAKE_HTTP, b"key", b"no event")

    def redrives(self, which: int, mend: bool) -> None:
        """The same letter perhaps twice, by two people at once; whether the cause is mended, the first decides."""
        if not self._open_letters():
            return
        letters = self._open_letters()
        said, attempt, letter = letters[which % len(letters)]
        if said.redriven.setdefault(attempt, mend):
            self.world.context.broken.discard(said.what)
            self.world.context.refused.discard(said.what)
        self.world.log.redriven(letter)

    def _open_letters(self) -> list[tuple[Said, int, Letter]]:
        newest: dict[Name, tuple[int, Letter]] = {}
        for letter in self.world.wire.letters():
            if letter["dl_reason"] in {"rejected", "handler_failed"}:
                tried = int(letter["dl_attempts"]), letter
                newest[_name(letter.record)] = max(
                    newest.get(_name(letter.record), tried), tried, key=lambda one: one[0]
                )
        return [(self.model.first[name], *tried) for name, tried in newest.items()]

    # --- what the group does

    def work(self, turns: list[int]) -> None:
        """Each takes a step, or takes up something new where it has nothing in hand."""
        for actor in turns:
            if self.actors[actor].before:
                self.actors[actor].let()
            else:
                self.actors[actor].take_up()

    def finishes(self, actor: int) -> None:
        """Takes all the steps that are left."""
        self.actors[actor].finish()

    def is_not_answered(self, actor: int, how: How) -> None:
        """Its next step fails, or seems to."""
        if self.actors[actor].before:
            self.actors[actor].let(how)

    def is_robbed(self, consumer: int) -> None:
        """A rebalance: the other gets all and begins; this one goes on with what it has in hand."""
        other = self.consumers[1 - consumer]
        self.group.let_go(self.consumers[consumer], other)
        if not other.before:
            other.take_up()

    def gets(self, consumer: int, partition: str) -> None:
        """A rebalance of one partition."""
        self.group.assign(partition, self.consumers[consumer])

    def dies(self, actor: int) -> None:
        """What it held in memory is gone; its partitions are the other's."""
        self.actors[actor].die()
        if actor < len(self.consumers):
            self.is_robbed(actor)

    def all_is_reset(self) -> None:
        """By hand, to the beginning."""
        self.group.committed.clear()

    # --- what holds always

    @invariant()
    def nothing_is_twice_and_what_is_committed_is_out(self) -> None:
        out = self._effects_out()
        kept: set[str] = set()
        for number in AGGREGATES:
            applied = _applied(self._document(number))
            assert len(applied) == len(set(applied)), "exactly one effect an event"
            kept |= set(applied)
        possible = {
            effect
            for said in self.model.first.values()
            if said.key in kept or said.number in self.model.erased
            for effect in said.effects()
        }
        assert out <= possible, "nothing is said before it is kept"
        refused = self._refused()
        for said in self._committed():
            # What waited may have come to its turn a moment ago, by what is still in another's hand.
            if said.parked or said.redriven or said.number in self.model.erased:
                continue
            if said.key in kept:
                assert set(said.effects()) <= out, f"{said.name} is committed and its effects are not out"
            else:
                assert said.name in refused, f"{said.name} is committed and neither kept nor refused"

    # --- what holds at rest

    def all_comes_to_rest(self) -> None:
        """Everybody ends what is in hand, one reads all that is left, and a sweep passes."""
        for actor in self.actors:
            actor.finish()
        for partition in PARTITIONS:
            self.gets(0, partition)
        self._read_to_the_end()
        self.actors[-1].take_up()
        self.actors[-1].finish()
        self._judge()
        self._replay()

    def _read_to_the_end(self) -> None:
        while self.consumers[0].take_up(5):
            self.consumers[0].finish()

    def _replay(self) -> None:
        """All once more: it is known, nothing is new, and no version moves."""
        before = [now(self.world.version(number)) for number in AGGREGATES]
        self.group.committed.clear()
        for partition in PARTITIONS:
            self.gets(0, partition)
        self._read_to_the_end()
        assert [now(self.world.version(number)) for number in AGGREGATES] == before
        self._judge()

    def _judge(self) -> None:
        for number in AGGREGATES:
            document = self._document(number)
            assert document.outbox == []
            assert document.outbox_since is None
            if number in self.model.erased:
                self._judge_erased(number, document)
                continue
            applied = _applied(document)
            assert Counter(applied) == Counter(self.model.applied(number))
            assert {(early.source, early.id) for early in document.early} == self.model.waiting(number)
            self._judge_order(number, applied)
        of_erased = {
            effect for number in self.model.erased for said in self.model.about(number) for effect in said.effects()
        }
        assert self._effects_out() - of_erased == self.model.effects()
        self._judge_letters()

    def _judge_erased(self, number: int, document: Document[Tally]) -> None:
        """It is known that each was there, and nothing of what it said. What follows from it is out whole, or not at all."""
        assert document.erased
        assert document.state == Tally()
        assert document.early == []
        about, out = self.model.about(number), self._effects_out()
        kept = now(self.world.main.store.recall([(f"tallies/{referral(number)}", *said.name) for said in about]))
        known: list[Outcome] = [*document.recent_outcomes, *(one.outcome for one in kept)]
        assert {(one.source, one.id) for one in known} >= {said.name for said in about}
        assert {one.digest for one in known} <= {""}
        for said in about:
            effects = set(said.effects())
            assert not effects & out or (effects <= out and not said.hindered)

    def _judge_order(self, number: int, applied: list[str]) -> None:
        """Of what came on one partition, and of what follows on the wire."""
        kept = [
            said for said in self.model.about(number) if not said.parked and said.key in applied and not said.redriven
        ]
        for partition in PARTITIONS:
            order = [said.key for said in kept if said.topic == partition]
            assert [key for key in applied if key in order] == order
        told = list(self.world.wire.follow_ups())
        by_key = {said.key: list(said.effects()) for said in self.model.about(number)}
        wanted = [effect for key in applied for effect in by_key[key]]
        assert [effect for effect in told if effect in wanted] == wanted

    def _judge_letters(self) -> None:
        letters = {(one["dl_id"], one["dl_attempts"]): one for one in self.world.wire.letters()}
        assert sum(one["dl_reason"] == "undecodable" for one in letters.values()) == self.model.garbage
        of_kept = [one for one in letters.values() if _name(one.record) in {said.name for said in self.model.kept}]
        conflicts = Counter(
            self.model.first[_name(one.record)].number for one in of_kept if one["dl_reason"] == "conflict"
        )
        assert conflicts == Counter(
            {n: count for n, count in self.model.conflicts.items() if n not in self.model.erased}
        )
        of_state = [one for one in of_kept if one["dl_reason"] in {"rejected", "handler_failed"}]
        assert Counter((_name(one.record), one["dl_attempts"]) for one in of_state) == self.model.letters()
        told = {one.told_as for one in letters.values()}
        named = {one.told_as for one in letters.values() if one["dl_reason"] != "undecodable"}
        assert named <= self._ids("EventRefused") <= told
        names = {one["dl_id"]: _name(one.record) for one in of_kept}
        settled = Counter(names[dl_id] for dl_id in self._settled() if dl_id in names)
        assert settled == Counter(self.model.settled()), "each once"

    # --- what can be seen

    def _document(self, number: int) -> Document[Tally]:
        return now(self.world.document(number))

    def _effects_out(self) -> set[str]:
        return set(self.world.wire.follow_ups()) - self._ids("EventRefused") - self._ids("DeadLetterSettled")

    def _ids(self, name: str) -> set[str]:
        return {header(record, "ce_id") for record in self.world.wire.named(name)}

    def _settled(self) -> list[str]:
        """The dead letters that are said to be done with, each as often as under another id."""
        told = {header(one, "ce_id"): header(one, "ce_subject") for one in self.world.wire.named("DeadLetterSettled")}
        return list(told.values())

    def _refused(self) -> set[Name]:
        return {_name(one.record) for one in self.world.wire.letters()}

    def _committed(self) -> list[Said]:
        names = {
            _name(record) for record in self.world.log.records if record.offset < self.group.committed[record.topic]
        }
        return [said for name, said in self.model.first.items() if name in names]


def _applied(document: Document[Tally]) -> list[str]:
    return list(document.state.applied) if document.state else []


def _name(record: Record | ConsumerRecord[bytes, bytes]) -> Name:
    return header(record, "ce_source"), header(record, "ce_id")


def _data(what: str, number: int) -> Data:
    return issue(number) if what == "issue" else attend("1", number) if what == "attend" else choose(what, number)


class Erasing(Engine):
    """The same, and consent is withdrawn in the middle of it."""

    @rule(happening=st.one_of(HAPPENINGS, st.tuples(st.just("withdraws"), st.sampled_from(AGGREGATES), st.booleans())))
    def happens(self, happening: tuple[Any, ...]) -> None:
        super().happens(happening)

    def withdraws(self, number: int, by_kafka: bool) -> None:
        """Perhaps more than once."""
        self.model.erased.add(number)
        topic = "intake.region.06" if by_kafka else topics.INTAKE_HTTP
        self.world.log.event(withdraw("consent_withdrawn", number), source=REGION, topic=topic)


TestEngine, TestErasing = Engine.TestCase, Erasing.TestCase
TestEngine.settings = TestErasing.settings = settings(
    max_examples=RUNS or 200,
    stateful_step_count=25,
    deadline=None,
    derandomize=not RUNS,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
