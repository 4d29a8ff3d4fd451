"""The map of flows on Overview: what it sums, where it draws it, and that the table below says the same."""

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.console.flow_map import CHIP, WIDTH, flow_map, thickness
from services.monitor.console.flow_sums import PARTNERS, flow_sums
from services.monitor.flow import edges
from services.monitor.projections.observing import observe
from services.monitor.sending import SentInADay
from shared.clock import real_now
from shared.contracts.registry import CLASSES
from shared.contracts.topics import SERVICES
from tests.unit.console_door import READER, console, signed_in
from tests.unit.country import Country
from tests.unit.network import TickingClock

SENDERS = st.sampled_from([*PARTNERS, "?", "elsewhere", *(f"service/{name}" for name in SERVICES)])
ROWS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        sender=SENDERS,
        name=st.sampled_from([*CLASSES, "?"]),
        to=st.sampled_from([*SERVICES, "?"]),
        state=st.sampled_from(["flows", "undeclared"]),
        events=st.integers(1, 10**9),
        refused=st.integers(0, 10**6),
        delay=st.floats(0, 1e6),
    ),
    max_size=40,
)


def row(sender: str, name: str, to: str, events: int = 0, refused: int = 0, **more: Any) -> dict[str, Any]:
    state = "flows" if events else "silent"
    return {
        "sender": sender,
        "name": name,
        "to": to,
        "state": state,
        "events": events,
        "refused": refused,
        "delay": 0.0,
        **more,
    }


def test_the_classes_of_one_way_are_one_arrow_with_their_delay_by_how_many_there_are() -> None:
    (way,) = flow_sums(
        [
            row("region", "ReferralIssued", "referral", 30, 2, delay=1.0),
            row("region", "ActivityChosen", "referral", 10, delay=5.0),
            row("region", "ReferralWithdrawn", "referral"),
            row("region", "PlaceReserved", "referral", 1, state="undeclared", delay=2.0),
        ]
    )
    assert (way.source, way.target, way.state) == ("region", "referral", "flows")
    assert (way.events, way.refused, way.undeclared, way.classes, way.silent) == (41, 2, 1, 4, 1)
    assert way.delay == pytest.approx(82 / 41)


def test_what_nobody_declares_by_any_class_is_undeclared_and_what_never_came_is_silent() -> None:
    ways = flow_sums([row("region", "?", "?", 3, state="undeclared"), row("opisto", "ActivityMissed", "referral")])
    assert {(way.source, way.target): way.state for way in ways} == {
        ("region", "nobody"): "undeclared",
        ("opisto", "referral"): "silent",
    }


def test_participants_answer_by_the_form_and_partners_are_told_by_feeds_which_fail() -> None:
    answers, told = flow_sums(
        [
            row("service/feedback", "FeedbackSubmitted", "feedback", 7),
            row("service/notify", "NotificationDelivered", "monitor", 100),
            row("service/notify", "NotificationFailed", "monitor", 3),
        ]
    )
    assert (answers.source, answers.target, answers.events) == ("participants", "feedback", 7)
    assert (told.source, told.target, told.events, told.refused) == ("notify", "feeds", 100, 3)


@pytest.mark.parametrize("kinds", [[], PARTNERS[2:]], ids=["regions and opistos", "every kind of partner"])
def test_every_declared_way_is_drawn_but_the_machinery_and_no_figures_lie_over_others(kinds: Sequence[str]) -> None:
    came = [SentInADay("2026-11-29", f"/{kind}/x", "ActivityMissed", [1]) for kind in kinds]
    ways = flow_sums(vars(edge) for edge in edges(came, CLASSES))
    drawn = flow_map(ways)
    assert {edge.flow for edge in drawn.edges} == {way for way in ways if not way.is_inner}
    assert {edge.flow.target for edge in drawn.edges} >= {"catalogue", "referral", "feedback", "notify", "feeds"}
    wide, high = CHIP
    for one, other in combinations(drawn.edges, 2):
        assert abs(one.x - other.x) >= wide or abs(one.y - other.y) >= high, (one.flow, other.flow)


@given(ROWS)
def test_whatever_came_is_summed_without_loss_and_drawn_inside_the_picture(rows: list[dict[str, Any]]) -> None:
    ways = flow_sums(rows)
    failures = [one for one in rows if (one["sender"], one["name"]) == ("service/notify", "NotificationFailed")]
    failed = sum(one["events"] for one in failures)
    assert sum(way.events for way in ways) == sum(one["events"] for one in rows) - failed
    assert sum(way.refused for way in ways) == sum(one["refused"] for one in rows) + failed
    drawn = flow_map(ways)
    assert [edge.flow for edge in drawn.edges] == [way for way in ways if not way.is_inner]
    for node in drawn.nodes:
        assert 0 <= node.x < node.x + node.wide <= WIDTH
        assert 0 <= node.y < node.y + node.high <= drawn.height


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_of_two_arrows_the_one_with_more_events_is_no_thinner(few: int, many: int) -> None:
    few, many = sorted((few, many))
    assert 1 < thickness(few) <= thickness(many) < 30


async def count(one: Country, topic: str, name: str, many: int) -> None:
    """So many events of a class came by a topic just now, as the monitor counts them."""
    state = one.doors["monitor"].app.state
    state.clock = TickingClock(real_now())
    headers = (("ce_type", CLASSES[name].type.encode()),)
    at = int(state.clock.now().timestamp() * 1000)
    came = [ConsumerRecord(topic, 0, nth, at, 1, b"", b"{}", None, 0, 0, headers) for nth in range(many)]
    await observe(state.store, came, state.clock)


def drawn_ways(page: str) -> dict[str, str]:
    """Address and figures of each arrow."""
    found = re.findall(r'<a class="way [^"]*" href="([^"]+)".*?<text class="count"[^>]*>([^<]*)<', page, re.DOTALL)
    return dict(found)


def listed_ways(page: str) -> dict[str, str]:
    """Address and figures of each row of the table."""
    table = page.partition('id="flows-table"')[2].partition("</table>")[0]
    found = re.findall(r'<a href="([^"]+)">.*?data-label="Events">([^<]*)<', table, re.DOTALL)
    return dict(found)


@pytest.mark.asyncio
async def test_the_table_says_what_the_map_draws_and_both_lead_to_the_classes_of_a_way(tmp_path: Path) -> None:
    async with console(tmp_path) as one, signed_in(one.doors["monitor"], READER) as client:
        await count(one, "intake.region.06", "ReferralIssued", 1_234)
        await count(one, "intake.region.07", "PlaceReserved", 2)
        page = (await client.get("/")).text
        drawn, listed = drawn_ways(page), listed_ways(page)
        assert drawn.keys() == listed.keys()
        assert {way: "0" if figure == "▲" else figure for way, figure in drawn.items()} == listed
        assert listed["/flow?sender=region&amp;to=referral"] == "1,236"
        assert 'style="' not in page, "the policy forbids it"
        classes = (await client.get("/flow?sender=region&to=referral")).text
        assert classes.count("<tr ") - 1 == 8, "seven that are declared, one that nobody declares"
        assert '<option value="region" selected>' in classes
