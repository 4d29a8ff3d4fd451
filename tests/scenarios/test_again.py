"""Events in another order, or from the beginning again, or a hundred thousand of them."""

import asyncio
import itertools
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import OffsetAndMetadata

from deploy.backends import Backend
from deploy.local.state import grant, open_folder
from shared.contracts import topics
from shared.contracts.topics import SERVICES
from tests.integration.road import OPISTO, REGION, event, issued, kafka_headers_of, now, published
from tests.scenarios.conftest import Opened
from tests.scenarios.journeys import JourneyStep
from tests.scenarios.observation import until_quiet
from tests.scenarios.oracle import Expected
from tests.scenarios.platform import Platform, step, told
from tests.scenarios.send import Senders
from tests.scenarios.table import ALL, EMBEDDED, JAVA, scenario

COURSE: Final = "every-order"
_FEW_ORDERS: Final = 23
_MANY: Final = {EMBEDDED: 1_000, JAVA: 100_000}
"""The embedded broker's log holds no more for all services to read in their time."""
_DONE_WITHIN: Final = 400.0
"""The oracle cannot judge more than the embedded broker keeps; 100,000 are for Kafka."""

T = TypeVar("T")


def referral(platform: Platform, number: int, scene: int) -> str:
    """The id of a referral: always the same for a seed."""
    return str(UUID(int=Random(f"{platform.seed} {scene} {number}").getrandbits(128), version=4))


def way(shown: str, *, of_order: bool = True) -> list[JourneyStep]:
    """A referral's way in five events, in order; the facts lie some hours apart, before now."""
    about = {"referral_id": shown, "activity_id": COURSE}
    answers = {
        "about": {"kind": "referral", "id": shown},
        "respondent": "participant",
        "phase": "after",
        "instrument": "experience_v1",
        "answers": {"satisfaction": 4, "recommend": 8},
        "channel": "paper",
    }
    events = [
        (issued(shown), {"ReferralOpened": 1}),
        (event(REGION, "ActivityChosen", {**about, "organiser": OPISTO}), {}),
        (event(OPISTO, "EnrolmentConfirmed", about), {}),
        (event(OPISTO, "ActivityAttended", {**about, "session_id": "1"}), {}),
        (event(REGION, "FeedbackSubmitted", answers), {}),
    ]
    times = [timedelta(days=5), timedelta(days=4), timedelta(days=3), timedelta(hours=20), timedelta(hours=1)]
    return [
        step({**one, "time": (now() - ago).isoformat()}, effects=effects, history_of=shown, parked=True)
        for (one, effects), ago in zip(events, times, strict=True)
    ]


def course() -> dict[str, Any]:
    """An activity with one session, yesterday, known for a week, with room for all."""
    begin = now() - timedelta(days=1)
    sessions = [
        {"session_id": "1", "starts_at": begin.isoformat(), "ends_at": (begin + timedelta(hours=1)).isoformat()}
    ]
    known = published(COURSE, capacity=500, sessions=sessions)
    return {**known, "time": (now() - timedelta(days=7)).isoformat()}


def end_of(platform: Platform, shown: str) -> dict[str, Any]:
    """All that a region sees of a referral, without what differs each time: ids, and times of the platform's own acts."""
    seen = platform.ask("referral", f"/v1/referrals/{shown}", REGION).json()
    history = sorted((one["type"], one["source"]) for one in seen["history"])
    own = {"referral_id", "referral_code", "issued_at", "closed_at", "history"}
    return {name: said for name, said in seen.items() if name not in own} | {"history": history}


def without_times(end: Mapping[str, Any]) -> dict[str, Any]:
    choice = {name: said for name, said in end["choice"].items() if name != "time"}
    return {**end, "choice": choice}


# --- 17


@scenario(17)
def test_every_order_of_five_events_ends_the_same(opened: Opened, engine: object) -> None:
    """A referral, its choice, enrolment, attendance and feedback come in each of the 120 orders (in 24 of them, where time
    is short), each to another referral.

    Each of them closes like the one in order, with the same figures; each event is in its history once.
    """
    with opened() as platform:
        orders = list(itertools.permutations(range(5)))
        if not ALL:
            orders = [orders[0], *Random(platform.seed).sample(orders[1:], _FEW_ORDERS)]

        async def play(sender: Senders) -> None:
            await sender.send(step(course()))
            await asyncio.gather(
                *(in_order(sender, way(referral(platform, number, 17)), order) for number, order in enumerate(orders))
            )

        platform.play(play)
        platform.judge()
        ends = [without_times(end_of(platform, referral(platform, number, 17))) for number in range(len(orders))]
        assert ends[0]["status"] == "completed"
        assert ends[0]["session_counts"] == {"attended": 1, "missed": 0, "told_ahead": 0, "not_recorded": 0}
        assert [orders[number] for number, end in enumerate(ends) if end != ends[0]] == []


async def in_order(sender: Senders, steps: list[JourneyStep], order: Iterable[int]) -> None:
    for number in order:
        await sender.send(steps[number])


@scenario(17)
def test_what_waits_is_shown_and_what_waits_too_long_is_reported(opened: Opened, engine: object) -> None:
    """An attendance of a referral comes that never comes; an event may wait for four seconds.

    Meanwhile the monitor shows it as waiting; then it is dead-lettered as rejected, and its sender hears so.
    """
    with opened(LAHETE_DUE_EARLY="PT4S") as platform:
        lonely = event(
            OPISTO,
            "ActivityAttended",
            {"referral_id": referral(platform, 0, 17), "activity_id": COURSE, "session_id": "1"},
        )

        async def play(sender: Senders) -> None:
            await sender.send(step(lonely, fate="dead_lettered", refusals=frozenset({"rejected"})))

        def state() -> str:
            return str(platform.ask("monitor", f"/v1/events/{lonely['id']}", params={"source": OPISTO}).json()["state"])

        platform.play(play)
        platform.until(lambda: state() == "waiting", "it is shown as waiting")
        platform.until(lambda: state() == "dead_lettered", "it is reported")
        platform.judge()
        assert sum(told(platform, OPISTO, "EventRefused").values()) >= 1


# --- 25


@scenario(25)
def test_all_that_ever_came_is_read_again(opened: Opened, engine: object) -> None:
    """Some referrals go their whole way. Then every group's offsets are set to the beginning, while the services run.

    The services read all again, by the metrics; nobody hears anything new, and there is no new notification or effect,
    by the oracle and by a count of every topic's records.
    """
    with opened() as platform:

        async def play(sender: Senders) -> None:
            await sender.send(step(course()))
            for number in range(10):
                await in_order(sender, way(referral(platform, number, 25)), range(5))

        platform.play(play)
        before = platform.judge()
        told_before = {who: told(platform, who, "ReferralOpened") for who in (REGION, OPISTO)}
        repetitions = {name: platform.metric(name, "lahete_events_total", outcome="repetition") for name in SERVICES}
        for name in SERVICES:
            asyncio.run(to_the_beginning(platform, name))
        for name, count in repetitions.items():
            more = partial(_has_repeated_more, platform, name, count)
            platform.until(more, f"{name} has read it all again")
        after = platform.judge()
        assert {one.named for one in after.decided} == {one.named for one in before.decided}
        assert [one.at for one in after.intake] == [one.at for one in before.intake]
        assert {who: told(platform, who, "ReferralOpened") for who in (REGION, OPISTO)} == told_before


def _has_repeated_more(platform: Platform, name: str, than: float) -> bool:
    return repeated(platform, name) > than


def repeated(platform: Platform, name: str) -> float:
    return platform.metric(name, "lahete_events_total", outcome="repetition")


async def to_the_beginning(platform: Platform, service: str) -> None:
    """One more member joins a group, commits 0 for all of its partitions, as it may, and leaves; others read on."""
    groups = platform.ask("monitor", "/v1/lag").json()["groups"]
    at = [TopicPartition(one["topic"], one["partition"]) for one in groups if one["service"] == service]
    async with AIOKafkaConsumer(
        *{one.topic for one in at},
        bootstrap_servers=platform.place.kafka,
        group_id=service,
        enable_auto_commit=False,
        partition_assignment_strategy=(RangePartitionAssignor,),
    ) as consumer:
        # The client itself commits for no partition but its own.
        assignment = consumer._subscription.subscription.assignment
        await consumer._coordinator.commit_offsets(assignment, {one: OffsetAndMetadata(0, "") for one in at})


# --- 26


@scenario(26)
def test_one_aggregate_takes_very_many_events(opened: Opened, engine: Backend, tmp_path: Path) -> None:
    """An opisto records attendance of one referral a thousand times (on Kafka, in files, a hundred thousand).

    The referral's document is no larger after all than after a tenth, the second half takes no more than three times as
    long as the first, and the very first event, sent again, is a repetition.
    """
    grant(open_folder(tmp_path / "run"), OPISTO)
    count = _MANY[engine]
    with opened(in_files=True) as platform:
        shown = referral(platform, 0, 26)
        marks = [recorded(shown, number) for number in range(count)]
        last = marks[-1]["id"]

        async def begin(sender: Senders) -> None:
            await sender.send(step(course()))
            await in_order(sender, way(shown)[:3], range(3))
            # Of what comes before the place is confirmed no more than 64 events of one sender wait; others are rejected.
            assert await until_quiet(platform.place, _DONE_WITHIN) == []
            await many(platform, sender, marks[: count // 10], last)

        async def go_on(sender: Senders) -> float:
            began = time.monotonic()
            await many(platform, sender, marks[count // 10 : count // 2], last)
            assert await until_quiet(platform.place, _DONE_WITHIN) == []
            return time.monotonic() - began

        async def end(sender: Senders) -> float:
            began = time.monotonic()
            await many(platform, sender, [*marks[count // 2 :], marks[0]], last)
            assert await until_quiet(platform.place, _DONE_WITHIN) == []
            return time.monotonic() - began

        platform.play(begin)
        assert asyncio.run(until_quiet(platform.place, _DONE_WITHIN)) == []
        bytes_before = document_bytes(platform, shown)
        first, second = platform.play(go_on), platform.play(end)
        platform.judge()
        assert document_bytes(platform, shown) < bytes_before * 1.2
        assert second < first * 3
        path = f"/v1/events/{marks[0]['id']}"
        known = platform.ask("monitor", path, params={"source": OPISTO}).json()
        assert (known["state"], known["repeated"]) == ("applied", 1)


def recorded(shown: str, number: int) -> dict[str, Any]:
    """Attendance of the one session, recorded half a second later each time."""
    data = {"referral_id": shown, "activity_id": COURSE, "session_id": "1"}
    return {
        **event(OPISTO, "ActivityAttended", data),
        "time": (now() - timedelta(hours=20) + timedelta(milliseconds=500 * number)).isoformat(),
    }


async def many(platform: Platform, sender: Senders, events: Sequence[Mapping[str, Any]], last: str) -> None:
    """Declares them and writes them to the opisto's topic, in order, without waiting for each.

    `last`: the id of the one that holds in the end, and that alone the history shows.
    """

    async def one(wish: Mapping[str, Any]) -> None:
        key, value = str(wish["subject"]).encode(), json.dumps(wish["data"]).encode()
        await sender.write(topics.intake_of(OPISTO), value, key, kafka_headers_of(wish))
        platform.declared.accepted(wish["source"], wish["id"])

    for wish in events:
        shown = wish["subject"] if wish["id"] == last else None
        platform.declared.expect(Expected(wish["source"], wish["id"], history_of=shown))
    for some in batched(events, 500):
        await asyncio.gather(*map(one, some))


def batched(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def document_bytes(platform: Platform, shown: str) -> int:
    """How large the referral's document is in the service's own file."""
    with closing(sqlite3.connect(platform.folder / "referral.sqlite")) as connection:
        (size,) = connection.execute("SELECT length(body) FROM referrals WHERE id = ?", [shown]).fetchone()
    return int(size)
