"""The order, delays and folding of a trace, as pure functions of the events."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.model import Sighting, Traced
from services.monitor.timeline import Timeline, in_causal_order

START = datetime(2026, 9, 1, 8, tzinfo=UTC)


def traced(id_: str, cause: str = "", *, after_ms: int = 0, name: str = "PlaceReserved", **codes: str) -> Traced:
    at = Sighting("x.events", 0, 0, START + timedelta(milliseconds=after_ms))
    source = "/service/notify" if name.startswith("Notification") else "/service/catalogue"
    return Traced(source, id_, f"fi.kulttuurilahete.{name}.v1", "", "r", causation=cause, codes=codes, first=at)


def test_each_hop_says_how_long_it_took_after_its_cause() -> None:
    shown = Timeline([traced("a"), traced("b", "a", after_ms=250), traced("c", "gone")]).events({})
    assert {one["id"]: one["delay_seconds"] for one in shown} == {"a": None, "b": 0.25, "c": None}


def test_a_delivery_tells_of_what_was_queued_and_of_its_cause_where_nothing_was() -> None:
    queued = traced("q", "a", name="NotificationQueued")
    told = [
        traced("d", "q", name="NotificationDelivered", recipient="/region/06"),
        traced("f", "a", name="NotificationFailed", recipient="/opisto/x"),
        traced("g", "gone", name="NotificationDelivered"),
    ]
    shown = {one["id"]: (one["about"], one["to"]) for one in Timeline([traced("a"), queued, *told]).deliveries()}
    assert shown == {"q": ("a", None), "d": ("a", "/region/06"), "f": ("a", "/opisto/x"), "g": (None, None)}


def test_an_event_at_a_full_second_stands_before_one_a_moment_later() -> None:
    assert [one.id for one in in_causal_order([traced("b", after_ms=500), traced("a")])] == ["a", "b"]


def test_what_a_partner_calls_machinery_or_a_look_is_an_event_like_any_other() -> None:
    forged = [
        Traced("/opisto/x", name, f"fi.kulttuurilahete.{name}.v1", "", "r")
        for name in ("MatchingEnded", "AccessRecorded", "NotificationDelivered")
    ]
    timeline = Timeline(forged)
    assert [one["machinery"] for one in timeline.events({})] == [False] * 3
    assert not timeline.looks()
    assert not timeline.deliveries()


NAMES = ("PlaceReserved", "MatchingEnded", "NotificationQueued", "NotificationDelivered", "AccessRecorded")
IDS = st.sampled_from("abcdefgh")


@given(st.lists(st.builds(traced, IDS, IDS | st.just(""), name=st.sampled_from(NAMES)), unique_by=lambda one: one.id))
def test_whatever_causes_what_in_a_circle_too_each_event_stands_in_one_place(events: list[Traced]) -> None:
    timeline = Timeline(events)
    shown = [one["id"] for one in timeline.events({})] + [one["id"] for one in timeline.deliveries()]
    assert sorted([*shown, *(one.id for one in events if "Access" in one.type)]) == sorted(one.id for one in events)
    assert len(timeline.looks()) == sum("Access" in one.type for one in events)
