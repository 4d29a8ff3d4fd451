"""Real answers of Linked Events, as their publishers wrote them, against our contract. The demo's copy too."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from edges.linked_events.read import convert
from edges.linked_events.themes import THEMES_BY_KEYWORD
from shared.contracts.opisto_events import ActivityPublished

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "linked_events"
ORGANISER = "/opisto/1.2.246.562.10.1"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
HELSINKI = "091"


def sample(name: str) -> Any:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the samples are not here: {path} is missing, so real Linked Events answers are NOT checked")
    return json.loads(path.read_text(encoding="utf-8"))


def demo_page() -> Any:
    return json.loads(files("demo").joinpath("linked_events.json").read_text(encoding="utf-8"))


def taken(document: object) -> tuple[list[ActivityPublished], dict[str, list[str]]]:
    events, refusals = convert(document, organiser=ORGANISER, now=NOW, municipality=HELSINKI)
    activities = [ActivityPublished.model_validate_json(json.dumps(event["data"])) for event in events]
    return activities, {refusal.id: refusal.reasons for refusal in refusals}


def test_the_free_event_on_the_net_is_taken() -> None:
    activities, refused = taken(sample("linked_events_helsinki_2020.json"))
    (activity,) = activities
    assert (activity.activity_id, activity.format, activity.price_cents) == ("helsinki:afy6ikna3u", "remote", 0)
    assert activity.themes == ("social",)
    assert activity.description is not None
    assert "<" not in activity.description["fi"]
    assert refused == {
        "helsinki:afxp6tv4xa": ['event_status: "EventPostponed" says it was put off, without a new time']
    }


def test_the_course_on_a_date_without_a_clock_time_is_refused() -> None:
    _, refused = taken(sample("linked_courses_harrastushaku_13248.json"))
    assert 'start_time: "2020-08-22" has no clock time' in refused["harrastushaku:13248"]


def test_turkus_event_is_refused_for_its_missing_keywords_alone() -> None:
    _, refused = taken(sample("linked_events_turku_2022.json"))
    assert refused == {"turku:991417": ["keywords: [] name no theme that we know"]}


def test_turkus_event_with_a_keyword_has_the_price_and_the_municipality_of_turku() -> None:
    (row,) = sample("linked_events_turku_2022.json")["data"]
    events, refusals = convert(row | {"keywords": ["yso:p6433"]}, organiser=ORGANISER, now=NOW)
    assert refusals == []
    activity = ActivityPublished.model_validate_json(json.dumps(events[0]["data"]))
    assert (activity.municipality, activity.price_cents, activity.themes) == ("853", 250, ("movement",))
    assert activity.place is not None
    assert activity.place.name["fi"].startswith("Blombergin aukio 12")


def test_a_real_place_tells_its_municipality_and_where_it_is() -> None:
    (row,) = sample("linked_events_turku_2022.json")["data"]
    place = sample("linked_events_helsinki_places_keywords.json")["places"]["data"][0]
    events, _ = convert(row | {"keywords": ["yso:p6433"], "location": place}, organiser=ORGANISER, now=NOW)
    activity = ActivityPublished.model_validate_json(json.dumps(events[0]["data"]))
    assert activity.municipality == "049"
    assert activity.place is not None
    assert activity.place.lat == pytest.approx(60.21748)


def test_what_is_no_page_of_events_is_refused_and_not_half_read() -> None:
    assert convert(sample("linked_events_helsinki_places_keywords.json"), organiser=ORGANISER, now=NOW)[0] == []
    assert convert(sample("yso_keywords_seen.json"), organiser=ORGANISER, now=NOW)[0] == []


def test_every_keyword_of_our_table_is_one_that_was_seen() -> None:
    assert set(THEMES_BY_KEYWORD) <= {row["id"] for row in sample("yso_keywords_seen.json")}


def test_the_demos_page_is_four_real_events_of_which_one_is_taken() -> None:
    activities, refused = taken(demo_page())
    assert [activity.activity_id for activity in activities] == ["helsinki:afy6ikna3u"]
    assert set(refused) == {"helsinki:afxp6tv4xa", "turku:991417", "harrastushaku:13248"}


def test_the_demos_page_says_what_the_samples_say() -> None:
    cut, _ = convert(demo_page(), organiser=ORGANISER, now=NOW, municipality=HELSINKI)
    whole, _ = convert(sample("linked_events_helsinki_2020.json"), organiser=ORGANISER, now=NOW, municipality=HELSINKI)
    assert cut == whole
