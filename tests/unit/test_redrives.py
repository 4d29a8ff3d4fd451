"""Many dead letters are sent again as one thing: step by step, stopped by an error, to each entry's outcome."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.monitor.redrives import ANSWERED_WITHIN, MOST_LEFT, Redrive, answered, stepped
from services.monitor.selection import loaded
from shared.clock import real_now
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import RedriveAnswered, RedriveStepDue
from shared.engine.model import Decision, Document
from tests.unit.ops_room import OpsRoom, letter, ops_room

pytestmark = pytest.mark.asyncio
WHERE = "/v1/redrives"
LETTERS = [f"d{nth:03}" for nth in range(115)]


@pytest_asyncio.fixture
async def monitor(tmp_path: Path) -> AsyncIterator[OpsRoom]:
    async with ops_room(tmp_path) as one:
        await one.reads(*(letter(dl_id) for dl_id in LETTERS))
        yield one


async def ordered(monitor: OpsRoom, **asked: Any) -> str:
    answer = await monitor.post(WHERE, {"why": "mended", "reason": "rejected", "a_minute": 60_000, **asked})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["redrive_id"])


async def stands(monitor: OpsRoom, redrive: str) -> dict[str, Any]:
    found: dict[str, Any] = await monitor.get(f"{WHERE}/{redrive}")
    return found


async def state_of(monitor: OpsRoom, redrive: str) -> Redrive:
    rows = await monitor.store.load("redrives", [redrive])
    state = msgspec.json.decode(rows[redrive].body, type=Document[Redrive]).state
    assert state is not None
    return state


async def time_comes(monitor: OpsRoom, redrive: str) -> None:
    """The deadline of a redrive passes, if it has one."""
    if due_at := (await state_of(monitor, redrive)).due_at:
        await monitor.passes("redrives", redrive, "redrive", due_at)


async def to_the_end(monitor: OpsRoom, redrive: str, broken: frozenset[str] = frozenset()) -> list[list[str]]:
    """Who is sent in each step, until it runs no more."""
    steps: list[list[str]] = []
    while (await stands(monitor, redrive))["state"] == "running":
        if sent := await monitor.answers(broken=broken):
            steps.append(sent)
        else:
            await time_comes(monitor, redrive)
    return steps


async def outcomes(monitor: OpsRoom, redrive: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    after = "0"
    while after:
        page = await monitor.get(f"{WHERE}/{redrive}/entries", after=after, limit=50)
        for one in page["entries"]:
            found.setdefault(one["dl_id"], []).append(one["outcome"])
        after = page["next"]
    return found


async def test_one_is_sent_first_then_ten_then_a_hundred_the_oldest_first(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor)
    steps = await to_the_end(monitor, redrive)
    assert [len(one) for one in steps] == [1, 10, 100, 4]
    assert [dl_id for step in steps for dl_id in step] == LETTERS
    end = await stands(monitor, redrive)
    assert (end["state"], end["chosen"], end["sent"], end["resolved"]) == ("done", 115, 115, 115)
    assert end["ended"] is not None
    assert await outcomes(monitor, redrive) == {dl_id: ["resolved"] for dl_id in LETTERS}


async def test_the_first_that_is_refused_again_stops_it_and_tells_whose_it_is(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor)
    await to_the_end(monitor, redrive, broken=frozenset({"d003"}))
    stopped = await stands(monitor, redrive)
    assert (stopped["state"], stopped["said"]) == ("stopped", "d003 was refused again: rejected")
    assert (stopped["sent"], stopped["resolved"], stopped["refused"]) == (11, 10, 1)
    assert (await outcomes(monitor, redrive))["d003"] == ["refused"]
    assert (await monitor.get("/v1/dead-letters/d003"))["attempts"] == 2
    assert (await monitor.post(f"{WHERE}/{redrive}/resume")).status_code == 202
    assert [len(one) for one in await to_the_end(monitor, redrive)] == [1, 10, 93], "from one again"
    assert (await stands(monitor, redrive))["resolved"] == 114


async def test_without_stopping_every_letter_has_its_outcome_and_is_refused_once(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor, stop_on_error=False)
    await to_the_end(monitor, redrive, broken=frozenset(LETTERS))
    end = await stands(monitor, redrive)
    assert (end["state"], end["refused"], end["resolved"]) == ("done", 115, 0)
    assert await outcomes(monitor, redrive) == {dl_id: ["refused"] for dl_id in LETTERS}


async def test_what_comes_after_the_order_is_not_of_it(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor)
    await monitor.letter("later", ago=-60)
    await to_the_end(monitor, redrive)
    assert (await monitor.get("/v1/dead-letters/later"))["state"] == "open"


async def test_two_at_once_share_no_letter(monitor: OpsRoom) -> None:
    one, other = await ordered(monitor), await ordered(monitor, dl_ids=LETTERS[::2], reason="")
    sent: Counter[str] = Counter()
    while "running" in {(await stands(monitor, which))["state"] for which in (one, other)}:
        answers = await monitor.answers()
        sent.update(answers)
        if not answers:
            await time_comes(monitor, one)
            await time_comes(monitor, other)
    assert sent == Counter(LETTERS), "each is sent once"
    ends = [await stands(monitor, which) for which in (one, other)]
    assert sum(end["resolved"] for end in ends) == len(LETTERS)
    assert all(end["resolved"] + end["skipped"] == end["sent"] for end in ends)


async def test_a_step_that_is_asked_for_twice_is_one_step(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor)
    await monitor.answers()
    under_way = await state_of(monitor, redrive)
    assert under_way.step == 2
    is_answered = msgspec.structs.replace(under_way, outstanding=())
    letters = await loaded(monitor.store, LETTERS[:3])
    for state, nth in ((under_way, 3), (is_answered, 2), (is_answered, 4)):
        step = Event("again", "/service/monitor", real_now(), RedriveStepDue(redrive=redrive, nth=nth))
        decided = stepped(state, step, real_now(), letters)
        assert isinstance(decided, Decision)
        assert (decided.state, list(decided.follow)) == (state, [])


async def test_a_paused_one_sends_nothing_until_it_goes_on_and_a_cancelled_one_never(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor)
    assert (await monitor.post(f"{WHERE}/{redrive}/pause")).status_code == 202
    assert await monitor.answers() == ["d000"], "what is out has its answer all the same"
    paused = await stands(monitor, redrive)
    assert (paused["state"], paused["said"], paused["resolved"]) == ("paused", "by ops:anna", 1)
    assert monitor.redriven == []
    assert (await monitor.post(f"{WHERE}/{redrive}/pause")).status_code == 409
    kept = [msgspec.json.decode(one.value or b"") for one in monitor.audit]
    assert [one["what"] for one in kept if one["action"] == "redrive"] == [redrive] * 2, "ordered and paused"
    await monitor.post(f"{WHERE}/{redrive}/resume")
    assert await monitor.answers() == ["d001"]
    await monitor.post(f"{WHERE}/{redrive}/cancel")
    cancelled = await stands(monitor, redrive)
    await monitor.answers()
    assert (cancelled["state"], (await stands(monitor, redrive))["sent"]) == ("cancelled", cancelled["sent"])
    assert monitor.redriven == []
    assert (await monitor.post(f"{WHERE}/{redrive}/resume")).status_code == 409


async def test_the_next_step_waits_until_the_rate_allows_it(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor, a_minute=1)
    await monitor.answers()
    assert monitor.redriven == []
    waiting = await state_of(monitor, redrive)
    assert waiting.began is not None
    assert waiting.due_at is not None
    assert (waiting.due_at - waiting.began).total_seconds() == 60
    await time_comes(monitor, redrive)
    assert len(await monitor.answers()) == 10


async def test_silence_stops_it_and_a_late_answer_still_counts(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor)
    started = await state_of(monitor, redrive)
    assert started.began is not None
    assert started.due_at == started.began + ANSWERED_WITHIN
    await time_comes(monitor, redrive)
    silent = await stands(monitor, redrive)
    assert (silent["state"], silent["unanswered"], silent["outstanding"]) == ("stopped", 1, 0)
    assert "had no answer in time" in silent["said"]
    await monitor.answers()
    late = await stands(monitor, redrive)
    assert (late["unanswered"], late["resolved"], late["state"]) == (0, 1, "stopped")
    assert (await outcomes(monitor, redrive))["d000"] == ["unanswered", "resolved"]


async def test_where_a_thousand_wait_for_something_no_more_are_sent(monitor: OpsRoom) -> None:
    state = await state_of(monitor, await ordered(monitor))
    sent = tuple(f"w{nth}" for nth in range(MOST_LEFT + 1))
    waiting = msgspec.structs.replace(state, outstanding=sent[-2:], waiting=sent[:-2])

    def waits(state: Redrive, dl_id: str) -> Redrive:
        answer = RedriveAnswered(redrive=state.id, dl_id=dl_id, outcome="waits", reason="ReferralIssued")
        decided = answered(state, Event("e", "/service/monitor", state.created, answer), state.created, None).state
        assert decided is not None
        return decided

    full = waits(waiting, sent[-1])
    assert (full.state, full.said) == ("stopped", "1000 wait for other events")
    assert len(waits(full, sent[-2]).waiting) == MOST_LEFT + 1, "what is out has its answer all the same"
    assert waits(full, sent[0]) == full, "one that waits already is counted once"


async def test_letters_named_by_their_ids_are_sent_in_this_order_and_settled_ones_are_skipped(monitor: OpsRoom) -> None:
    await monitor.post("/v1/dead-letters/d007/discard", {"why": "old"})
    redrive = await ordered(monitor, dl_ids=["d009", "d007", "d001"], reason="")
    steps = await to_the_end(monitor, redrive)
    assert [dl_id for step in steps for dl_id in step] == ["d009", "d001"]
    end = await stands(monitor, redrive)
    assert (end["chosen"], end["resolved"], end["skipped"], end["state"]) == (2, 2, 1, "done")
    assert (await outcomes(monitor, redrive))["d007"] == ["skipped"]


async def test_a_letter_that_is_named_twice_is_sent_once_and_the_redrive_comes_to_its_end(monitor: OpsRoom) -> None:
    redrive = await ordered(monitor, dl_ids=["d001", "d002", "d001"], reason="", a_minute=1)
    for _ in range(6):
        if not await monitor.answers():
            await time_comes(monitor, redrive)
    end = await stands(monitor, redrive)
    assert (end["state"], end["chosen"], end["sent"], end["skipped"]) == ("done", 2, 2, 0)


@pytest.mark.parametrize("step", ["loaded", "saved", "published", "cleared"])
async def test_it_goes_on_after_a_kill_at_any_step_and_every_letter_has_one_outcome(
    step: str, monitor: OpsRoom
) -> None:
    monitor.killed_at = step
    redrive = await ordered(monitor, stop_on_error=False)
    await to_the_end(monitor, redrive, broken=frozenset({"d005"}))
    end = await stands(monitor, redrive)
    assert (end["state"], end["sent"], end["resolved"], end["refused"]) == ("done", 115, 114, 1)
    assert await outcomes(monitor, redrive) == {**{one: ["resolved"] for one in LETTERS}, "d005": ["refused"]}


async def test_an_order_that_is_read_twice_is_one_redrive(monitor: OpsRoom) -> None:
    await monitor.client.post(
        WHERE, json={"why": "x", "reason": "rejected"}, headers={"authorization": "Bearer key of ops:anna"}
    )
    orders = [one for one in monitor.written if one.topic == "intake.http"]
    await monitor.reads(*orders, *orders)
    assert len(monitor.redriven) == 1
    [listed] = (await monitor.get(WHERE))["redrives"]
    assert (listed["sent"], listed["filter"]["reason"], listed["by"]) == (1, "rejected", "ops:anna")


@pytest.mark.parametrize(
    ("asked", "status", "named"),
    [
        ({"why": "x", "reason": "conflict"}, 409, "no open dead letter is chosen"),
        ({"why": "x", "dl_ids": ["none"]}, 409, "no open dead letter is chosen"),
        ({"why": "x"}, 422, "or choose them by a filter"),
        ({"why": "", "reason": "rejected"}, 422, "/data/why"),
        ({"why": "131052-308T", "reason": "rejected"}, 422, "personal identity code"),
        ({"why": "x", "reason": "rejected", "a_minute": 0}, 422, "/data/a_minute"),
        ({"why": "x", "dl_ids": ["d"] * 501}, 422, "/data/dl_ids"),
        ({"why": "x", "reason": "rejected", "since": "yesterday"}, 422, "/data/since"),
        ({"reason": "rejected"}, 400, "why"),
    ],
    ids=str,
)
async def test_an_order_that_cannot_be_is_refused_and_says_why(
    asked: dict[str, Any], status: int, named: str, monitor: OpsRoom
) -> None:
    answer = await monitor.post(WHERE, asked)
    assert (answer.status_code, named in answer.json()["detail"]) == (status, True), answer.text
    assert (await monitor.get(WHERE))["redrives"] == []


async def test_redrives_are_listed_newest_first_page_by_page(monitor: OpsRoom) -> None:
    made = [await ordered(monitor, dl_ids=[dl_id], reason="") for dl_id in LETTERS[:5]]
    found: list[str] = []
    after: dict[str, str] | None = {}
    while after is not None:
        page = await monitor.get(WHERE, limit=2, **after)
        found += [one["redrive_id"] for one in page["redrives"]]
        after = {"after": page["next"]} if page["next"] else None
    assert found == made[::-1]
    running = await monitor.get(WHERE, state="running")
    assert len(running["redrives"]) == 5


async def test_only_ops_redrive(monitor: OpsRoom) -> None:
    for who in ("reader:eero", "/region/06"):
        assert (await monitor.post(WHERE, {"why": "x", "reason": "rejected"}, who)).status_code == 403
