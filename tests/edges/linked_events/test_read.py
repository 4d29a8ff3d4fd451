"""Linked Events to ActivityPublished: what is taken, what is refused and why, and that nothing makes it fall over."""

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edges.linked_events.fields import code, greatest_price, localized, plain
from edges.linked_events.read import RefusedEvent, convert
from edges.linked_events.themes import THEMES_BY_KEYWORD, THEMES_BY_LABEL
from shared.contracts.opisto_events import ActivityPublished
from shared.reference import THEMES

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
ORGANISER = "/opisto/1.2.246.562.10.1"
API = "https://api.hel.fi/linkedevents/v1"


def link(kind: str, identifier: str) -> dict[str, str]:
    return {"@id": f"{API}/{kind}/{identifier}/"}


def event(**changes: Any) -> dict[str, Any]:
    """A course as Linked Events would tell it, with what is needed to be taken."""
    return {
        "id": "helsinki:abc",
        "name": {"fi": "Kuoro kaikille", "sv": ""},
        "description": {"fi": "<p>Lauletaan <b>yhdessä</b>.</p>"},
        "keywords": [link("keyword", "yso:p1808")],
        "location": {
            "id": "tprek:15417",
            "name": {"fi": "Sellon kirjasto"},
            "street_address": {"fi": "Leppävaarankatu 9"},
            "position": {"type": "Point", "coordinates": [24.80992, 60.21748]},
            "divisions": [{"type": "muni", "ocd_id": "ocd-division/country:fi/kunta:espoo", "name": {"fi": "Espoo"}}],
        },
        "in_language": [link("language", "fi"), link("language", "sv")],
        "offers": [{"is_free": True, "price": None}],
        "event_status": "EventScheduled",
        "type_id": "Course",
        "sub_events": [],
        "super_event_type": None,
        "start_time": "2026-09-10T14:30:00Z",
        "end_time": "2026-09-10T16:00:00Z",
        "audience_min_age": 18,
        "audience_max_age": None,
        "maximum_attendee_capacity": 20,
        "remaining_attendee_capacity": None,
        "enrolment_start_time": None,
        "enrolment_end_time": "2026-09-07T13:00:00Z",
        "is_virtualevent": False,
        "deleted": False,
        "last_modified_time": "2026-08-20T06:00:00.123456Z",
    } | changes


def sub_event(n: int, **changes: Any) -> dict[str, Any]:
    day = 10 + n
    return {
        "id": f"helsinki:abc-{n}",
        "start_time": f"2026-09-{day}T14:30:00Z",
        "end_time": f"2026-09-{day}T16:00:00Z",
        "event_status": "EventScheduled",
    } | changes


def taken(row: dict[str, Any], municipality: str | None = None) -> dict[str, Any]:
    """The one event that comes of the row; what the contract says of it holds too."""
    events, refusals = convert(row, organiser=ORGANISER, now=NOW, municipality=municipality)
    assert refusals == []
    ActivityPublished.model_validate_json(json.dumps(events[0]["data"]))
    return events[0]


def data_of(row: dict[str, Any], municipality: str | None = None) -> dict[str, Any]:
    return cast("dict[str, Any]", taken(row, municipality)["data"])


def reasons_against(row: Any) -> list[str]:
    events, refusals = convert([row], organiser=ORGANISER, now=NOW)
    assert events == []
    assert all("\n" not in reason for reason in refusals[0].reasons)
    return refusals[0].reasons


def test_a_whole_course_becomes_a_whole_activity() -> None:
    result = taken(event())
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", str(result.pop("id")))
    assert result == {
        "specversion": "1.0",
        "type": "fi.kulttuurilahete.ActivityPublished.v1",
        "source": ORGANISER,
        "subject": "helsinki:abc",
        "time": "2026-08-20T06:00:00.123456+00:00",
        "datacontenttype": "application/json",
        "dataclassification": "public",
        "data": {
            "activity_id": "helsinki:abc",
            "title": {"fi": "Kuoro kaikille"},
            "description": {"fi": "Lauletaan yhdessä."},
            "themes": ["music"],
            "setting": "course",
            "municipality": "049",
            "format": "in_person",
            "place": {
                "name": {"fi": "Sellon kirjasto"},
                "address": {"fi": "Leppävaarankatu 9"},
                "lat": 60.21748,
                "lon": 24.80992,
            },
            "languages": ["fi", "sv"],
            "age": {"min": 18},
            "capacity": 5,
            "price_cents": 0,
            "enrolment": {"closes": "2026-09-07T13:00:00+00:00"},
            "sessions": [
                {
                    "session_id": "1",
                    "starts_at": "2026-09-10T14:30:00+00:00",
                    "ends_at": "2026-09-10T16:00:00+00:00",
                }
            ],
        },
    }


def test_a_page_a_list_and_a_single_event_are_read_alike() -> None:
    row = event()
    page = {"meta": {"count": 1}, "data": [row]}
    results = [convert(document, organiser=ORGANISER, now=NOW) for document in (page, [row], row)]
    assert results[0] == results[1] == results[2]


def test_the_id_is_the_same_each_time_and_new_when_the_event_has_changed() -> None:
    first, again = taken(event()), taken(event())
    later = taken(event(last_modified_time="2026-08-21T06:00:00Z"))
    assert first["id"] == again["id"] != later["id"]


def test_the_id_does_not_hang_on_how_the_instant_is_written() -> None:
    assert (
        taken(event(last_modified_time="2026-08-20T06:00:00Z"))["id"]
        == (taken(event(last_modified_time="2026-08-20T06:00:00.000000+00:00"))["id"])
    )


def test_an_id_outside_our_characters_is_cleaned_and_stays_distinct() -> None:
    slash, space = taken(event(id="a/b")), taken(event(id="a b"))
    assert slash["subject"] != space["subject"]
    assert re.fullmatch(r"a-b-[0-9a-f]{12}", slash["subject"])
    assert code("x" * 64) == "x" * 64
    assert len(code("x" * 65)) == 64


def test_rows_are_refused_one_by_one_beside_those_taken() -> None:
    events, refusals = convert([event(), event(id="x:1", deleted=True), 7], organiser=ORGANISER, now=NOW)
    assert [taken_event["subject"] for taken_event in events] == ["helsinki:abc"]
    assert refusals == [
        RefusedEvent("x:1", ["deleted: true says it was deleted"]),
        RefusedEvent("row 2", ["event: 7 is not an object"]),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deleted": True}, "deleted: true says it was deleted"),
        ({"event_status": "EventCancelled"}, 'event_status: "EventCancelled" says it was cancelled'),
        (
            {"event_status": "EventPostponed", "start_time": None, "end_time": None},
            'event_status: "EventPostponed" says it was put off, without a new time',
        ),
        ({"publication_status": "draft"}, 'publication_status: "draft" is not public'),
        ({"type_id": "Volunteering"}, 'type_id: "Volunteering" seeks volunteers, not participants'),
        (
            {"super_event_type": "umbrella"},
            'super_event_type: "umbrella" gathers separate events: take those instead',
        ),
        ({"id": None}, "id: null names no event"),
        ({"name": {"fi": " ", "et": "Koor"}}, 'name: {"fi": " ", "et": "Koor"} has no text in fi, sv or en'),
        ({"name": {"et": "a\u2028\x85\ud800"}}, r'name: {"et": "a\u2028\x85\ud800"} has no text in fi, sv or en'),
        ({"keywords": []}, "keywords: [] name no theme that we know"),
        ({"keywords": [link("keyword", "yso:p4354")]}, 'keywords: ["yso:p4354"] name no theme that we know'),
        ({"location": None}, "location: null names no municipality, and the caller named none"),
        ({"offers": []}, "offers: [] tell no price"),
        (
            {"offers": [{"is_free": False, "price": {"fi": "kysy"}}]},
            'offers: {"fi": "kysy"} names no sure amount in euros',
        ),
        ({"start_time": "2026-09-10", "end_time": "2026-09-10"}, 'start_time: "2026-09-10" has no clock time'),
        ({"end_time": None}, "end_time: null is not a time with an offset"),
        ({"start_time": "2026-09-10T14:30:00"}, 'start_time: "2026-09-10T14:30:00" is not a time with an offset'),
        ({"start_time": "2026-02-30T14:30:00Z"}, 'start_time: "2026-02-30T14:30:00Z" is not a time that exists'),
        (
            {"end_time": "2026-11-10T16:00:00Z"},
            'end_time: "2026-11-10T16:00:00Z" is not within 24 hours after 2026-09-10T14:30:00+00:00',
        ),
        (
            {"end_time": "2026-09-10T13:00:00Z"},
            'end_time: "2026-09-10T13:00:00Z" is not within 24 hours after 2026-09-10T14:30:00+00:00',
        ),
        ({"audience_max_age": 12}, "audience_min_age: 18 is above audience_max_age 12"),
        ({"audience_min_age": -1}, "audience_min_age: -1 is not a whole number from 0 up"),
        ({"audience_min_age": 1984}, "audience_min_age: 1984 is above 130"),
        ({"maximum_attendee_capacity": "20"}, 'maximum_attendee_capacity: "20" is not a whole number from 0 up'),
        (
            {"enrolment_start_time": "2026-09-08T13:00:00Z"},
            'enrolment_start_time: "2026-09-08T13:00:00+00:00" is after enrolment_end_time',
        ),
        ({"enrolment_end_time": "2026-09-07"}, 'enrolment_end_time: "2026-09-07" has no clock time'),
        (
            {"last_modified_time": "2026-09-01T09:00:00Z"},
            'last_modified_time: "2026-09-01T09:00:00Z" is ahead of the clock',
        ),
        ({"last_modified_time": None}, "created_time: null is not a time with an offset"),
    ],
)
def test_what_cannot_be_sure_is_refused_with_its_field_and_value(changes: dict[str, Any], reason: str) -> None:
    assert reasons_against(event(**changes)) == [reason]


def test_every_reason_is_told_at_once() -> None:
    assert len(reasons_against(event(name=None, keywords=None, offers=None, start_time=None))) == 4


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("<p>Sisäänpääsymaksu + ohjausmaksu 2,50 €</p>", 250),
        ("5-15€", 1500),
        ("40/20 €", 4000),
        ("Aikuiset 10 €, lapset 5 €", 1000),
        ("alle 18-vuotiaat maksutta, muut 8 euroa", 800),
        ("12", 1200),
        ("12,5", 1250),
        ("20 / 10", 2000),
        ("€ 7.50", 750),
        ("15,-", 1500),
        ("1.250,00 €", 125000),
        ("16.9. alkaen 10e", 1000),
        ("1 250 €", 125000),
        ("1\u00a0250\u202f€", 125000),
        ("1 250,00 €", 125000),
        ("€ 1 250", 125000),
        ("1'250 €", 125000),
        ("1’250,50 euroa", 125050),
        ("1.250 €", 125000),
        ("1 250", 125000),
        ("1 250,-", 125000),
        ("1,250 €", None),
        ("kurssi 1 000 – 1 200 €", 120000),
        ("vuonna 2026 100 €", 10000),
        ("12 × 100 €", None),
        ("12x100€", None),
        ("100 € x 12", None),
        ("5 kertaa 20 €", None),
        ("10 krt à 15 €", None),
        ("á 15 €", None),
        ("50 € + materiaalit 20 €", None),
        ("65+ 10 €, muut 20 €", 2000),
        ("100 200", None),
        ("Maksuton", 0),
        ("Vapaa pääsy", 0),
        ("Fritt inträde", 0),
        ("klo 18 ovella", None),
        ("", None),
    ],
)
def test_the_greatest_amount_of_a_price_text_is_the_price(text: str, cents: int | None) -> None:
    assert greatest_price(plain(text)) == cents


@pytest.mark.parametrize(
    "text", ["12/" * 1000 + "x", "1 - " * 1000, "1.111" * 800, "€" * 4000, "€+" * 2000, "1 111" * 800, "1 x " * 1000]
)
@pytest.mark.timeout(5)
def test_a_price_text_made_to_be_slow_is_not(text: str) -> None:
    greatest_price(text)


def test_of_several_offers_the_dearest_is_told() -> None:
    offers = [{"is_free": True}, {"is_free": False, "price": {"fi": "5 €", "en": "6 €"}}]
    assert data_of(event(offers=offers))["price_cents"] == 600


def test_a_price_may_stand_as_a_number_or_in_the_description() -> None:
    assert data_of(event(offers=[{"price": 12.5}]))["price_cents"] == 1250
    assert data_of(event(offers=[{"price": {"fi": ""}, "description": {"fi": "8 €"}}]))["price_cents"] == 800


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Yksi</p><p>Kaksi<br>Kolme &amp; neljä</p>", "Yksi\nKaksi\nKolme & neljä"),
        ("<p> <span style='background - color: initial;''>Työnjaossa   pääset</span> </p>", "Työnjaossa pääset"),
        ("a < b &lt;3", "a < b <3"),
        ("<script>alert(1)</script>näkyvä<style>p{}</style>", "näkyvä"),
        ("<![unknown[x]]>teksti", "teksti"),
        ("rivi\x00\ud800 loppu", "rivi loppu"),
    ],
)
def test_html_becomes_plain_text(html: str, text: str) -> None:
    assert plain(html) == text


def test_a_long_text_is_cut_between_words_within_the_limit() -> None:
    text = localized({"fi": "sana " * 1000})["fi"]
    assert len(text) <= 4000
    assert text.endswith("sana …")
    assert len(localized("x" * 5000)["fi"]) <= 4000


def test_empty_and_unknown_languages_are_dropped_and_the_short_text_fills_in() -> None:
    row = event(description={"fi": "Pitkä", "sv": "<p></p>", "zh": "长"}, short_description={"fi": "L", "en": "Short"})
    assert data_of(row)["description"] == {"fi": "Pitkä", "en": "Short"}
    assert "description" not in data_of(event(description=None))
    assert "description" not in data_of(event(description={"se": "Davvisámegillii"}))


def test_every_theme_of_the_tables_is_one_of_ours() -> None:
    tables = [*THEMES_BY_KEYWORD.values(), *THEMES_BY_LABEL.values()]
    assert {theme for themes in tables for theme in themes} <= set(THEMES)


def test_keywords_are_read_as_links_with_queries_as_objects_and_by_label() -> None:
    keywords = [
        {"@id": "http://api.hel.fi/linkedevents/v1/keyword/yso:p1278/?format=json"},
        {"id": "yso:p2739", "name": {"fi": "kuvataide"}},
        {"id": "yso:p99999", "name": {"fi": "Kuorolaulu"}},
        "yso:p4354",
        None,
    ]
    assert data_of(event(keywords=keywords))["themes"] == ["dance", "visual_arts", "singing", "music"]


def test_no_more_themes_than_the_contract_takes() -> None:
    keywords = [link("keyword", identifier) for identifier in THEMES_BY_KEYWORD]
    assert len(data_of(event(keywords=keywords))["themes"]) == 8


def test_the_place_tells_the_municipality_before_the_caller_does() -> None:
    assert data_of(event(), municipality="091")["municipality"] == "049"
    assert data_of(event(location=link("place", "tprek:1")), municipality="091")["municipality"] == "091"
    assert data_of(event(location={"address_locality": {"sv": "Åbo"}}))["municipality"] == "853"
    only_ocd = {"divisions": [{"type": "muni", "ocd_id": "ocd-division/country:fi/kunta:vantaa"}]}
    assert data_of(event(location=only_ocd))["municipality"] == "092"


def test_a_publisher_tells_the_municipality_only_if_its_name_and_code_agree() -> None:
    assert data_of(event(location=None, publisher="turku:853"))["municipality"] == "853"
    assert "names no municipality" in reasons_against(event(location=None, publisher="ahjo:853"))[0]
    assert "names no municipality" in reasons_against(event(location=None, publisher="turku:091"))[0]


def test_a_place_that_is_only_a_link_is_told_in_the_publishers_words() -> None:
    row = event(location=link("place", "tprek:1"), location_extra_info={"fi": "Kupittaan maauimala\n"})
    assert data_of(row, "853")["place"] == {"name": {"fi": "Kupittaan maauimala"}}
    assert "place" not in data_of(event(location=link("place", "tprek:1")), "853")


def test_coordinates_off_the_globe_are_left_out() -> None:
    location = event()["location"] | {"position": {"coordinates": [6678000.5, 385000.1]}}
    assert data_of(event(location=location))["place"].keys() == {"name", "address"}


@pytest.mark.parametrize(
    "changes",
    [
        {"location": link("place", "helsinki:internet")},
        {"is_virtualevent": True},
        {"event_status": "EventMovedOnline"},
    ],
)
def test_what_is_on_the_net_is_remote_and_has_no_place(changes: dict[str, Any]) -> None:
    data = data_of(event(**changes), "091")
    assert data["format"] == "remote"
    assert "place" not in data


def test_languages_default_to_finnish() -> None:
    assert data_of(event(in_language=[]))["languages"] == ["fi"]
    assert data_of(event(in_language=[{"id": "zh_hans"}, {"id": "fi"}, {"id": "fi"}, 7.5]))["languages"] == [
        "zh-hans",
        "fi",
    ]


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"remaining_attendee_capacity": 1}, 1),
        ({"remaining_attendee_capacity": 0}, 0),
        ({"remaining_attendee_capacity": 30}, 5),
        ({"maximum_attendee_capacity": 3}, 3),
        ({"maximum_attendee_capacity": 20}, 5),
        ({"maximum_attendee_capacity": None}, 2),
        ({"extension_course": {"remaining_attendee_capacity": 4}}, 4),
    ],
)
def test_places_for_the_referred_are_what_remains_five_at_most_two_when_unknown(
    changes: dict[str, Any], places: int
) -> None:
    assert data_of(event(**changes))["capacity"] == places


def test_ages_and_enrolment_may_be_open() -> None:
    data = data_of(event(audience_min_age=None, enrolment_end_time=None))
    assert (data["age"], data["enrolment"]) == ({}, {})


def test_sub_events_are_the_sessions_and_those_cancelled_are_not() -> None:
    row = event(
        super_event_type="recurring",
        start_time="2026-09-10",
        end_time="2026-12-10",
        sub_events=[sub_event(1), sub_event(2, event_status="EventCancelled"), sub_event(3)],
    )
    assert [session["session_id"] for session in data_of(row)["sessions"]] == ["helsinki:abc-1", "helsinki:abc-3"]


def test_a_sub_event_among_the_rows_is_not_taken_twice() -> None:
    whole, part = event(sub_events=[sub_event(1)]), event(id="helsinki:abc-1")
    events, refusals = convert([whole, part], organiser=ORGANISER, now=NOW)
    assert [taken_event["subject"] for taken_event in events] == ["helsinki:abc"]
    assert refusals == [
        RefusedEvent("helsinki:abc-1", ['super_event: "helsinki:abc" carries "helsinki:abc-1" as one of its sessions'])
    ]


def test_sub_events_that_do_not_tell_their_times_are_refused() -> None:
    linked = link("event", "helsinki:abc-1")
    assert "are not embedded" in reasons_against(event(super_event_type="recurring", sub_events=[linked]))[0]
    assert "others only linked" in reasons_against(event(sub_events=[linked, sub_event(2)]))[0]
    assert reasons_against(event(sub_events=[sub_event(1), sub_event(2, start_time="2026-09-12")])) == [
        'sub_events/1/start_time: "2026-09-12" has no clock time'
    ]
    assert reasons_against(event(sub_events=[sub_event(1, deleted=True)])) == [
        "sub_events: 0 are held, and 1 to 200 can be"
    ]
    assert "name one session twice" in reasons_against(event(sub_events=[sub_event(1), sub_event(1)]))[0]


def test_an_event_beyond_the_limit_of_bytes_is_refused() -> None:
    text = dict.fromkeys(("fi", "sv", "en", "se"), "漢" * 3999)
    assert re.fullmatch(r"event: \d+ bytes, at most 65536", reasons_against(event(name=text, description=text))[0])


@pytest.mark.parametrize("document", [None, 7, "x", {}, {"detail": "Not found."}, {"data": {"id": 1}}, {"data": None}])
def test_what_is_no_answer_of_the_api_is_one_refusal(document: object) -> None:
    events, refusals = convert(document, organiser=ORGANISER, now=NOW)
    assert events == []
    assert len(refusals) == 1
    assert refusals[0].reasons[0].startswith("document: ")


ASKED: dict[str, Any] = {"organiser": ORGANISER, "now": NOW}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"organiser": "/region/06"}, "organiser"),
        ({"now": datetime(2026, 9, 1)}, "now"),
        ({"municipality": "911"}, "municipality"),
    ],
)
def test_a_caller_who_asks_wrongly_is_told(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        convert([], **{**ASKED, **arguments})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["<![x", "€ 1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in _paths(child, (*path, key)))]


WHOLE = event(sub_events=[sub_event(1), sub_event(2)], location_extra_info={"fi": "x"}, extension_course={})
PATHS = [path for path in _paths(WHOLE) if path]


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=4))
def test_an_odd_value_anywhere_gives_an_event_that_keeps_the_contract_or_a_refusal(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    row = copy.deepcopy(WHOLE)
    for path, value in changes:
        _put(row, path, value)
    events, refusals = convert([row], organiser=ORGANISER, now=NOW, municipality="091")
    assert len(events) + len(refusals) == 1
    for result in events:
        ActivityPublished.model_validate_json(json.dumps(result["data"]))
        assert json.dumps(result).isascii()
    for refusal in refusals:
        assert refusal.reasons
        assert all(len(reason.splitlines()) == 1 for reason in refusal.reasons)


def _put(row: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(row, dict | list) or (isinstance(row, dict) and key not in row):
            return
        if isinstance(row, list) and not (isinstance(key, int) and key < len(row)):
            return
        row = row[key]
    if isinstance(row, dict):
        row[path[-1]] = value


@given(JSON)
def test_any_document_at_all_is_answered(document: object) -> None:
    convert(document, organiser=ORGANISER, now=NOW)
