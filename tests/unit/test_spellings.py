"""The same thing in other spellings: what honest senders write differently is read as one, and what only looks so is not."""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import ValidationError

from shared.contracts.envelope import Event, attributes_of, decode, read_structured
from shared.contracts.errors import Invalid
from shared.contracts.event_class import EventClass
from shared.contracts.identity import finer_and_id, rank_of
from shared.contracts.personal_identity import holds_a_code
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import json_schema

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
TEXT = {"fi": "Kuoro", "sv": None, "se": None}
PLACE = {"name": TEXT, "address": None, "lat": 60.0, "lon": None}
SESSION = {"session_id": "1", "starts_at": "2026-09-09T17:30:00+03:00", "ends_at": "2026-09-09T19:00:00+03:00"}
ABOUT_PLACE = {"referral_id": REFERRAL, "activity_id": "kuoro"}

WITH_NULLS: dict[str, dict[str, Any]] = {
    "ReferralIssued": {
        "referral_id": REFERRAL,
        "unit_ref": "unit-17",
        "municipality": "837",
        "age_band": "65-74",
        "languages": ["fi"],
        "needs": {"friends": 9, "health": None},
        "themes": None,
        "formats": None,
        "accessibility": None,
        "max_price_cents": None,
        "funding": None,
        "kaikukortti_from": None,
        "voucher_group": None,
        "route": None,
        "consent": {"recorded_on": "2026-09-01", "scopes": ["referral", "feedback"]},
    },
    "ActivityChosen": {"referral_id": REFERRAL, "organiser": "/opisto/a", "activity_id": "kuoro"},
    "ReferralWithdrawn": {"referral_id": REFERRAL, "reason": "moved"},
    "ActivityPublished": {
        "activity_id": "kuoro",
        "title": TEXT,
        "description": None,
        "themes": ["singing"],
        "needs_supported": None,
        "setting": None,
        "municipality": "837",
        "serves": None,
        "format": "in_person",
        "place": PLACE,
        "accessibility": None,
        "languages": ["fi"],
        "age": {"min": None, "max": 80},
        "capacity": 6,
        "waiting_list": None,
        "price_cents": 4500,
        "accepts": None,
        "kaikukortti_places": None,
        "enrolment": {"opens": None, "closes": None, "confirm": None},
        "sessions": [SESSION],
    },
    "ActivityCancelled": {"activity_id": "kuoro", "reason": "merged", "replaced_by": None},
    "EnrolmentConfirmed": ABOUT_PLACE,
    "EnrolmentCancelled": {**ABOUT_PLACE, "reason": "full"},
    "ActivityAttended": {**ABOUT_PLACE, "session_id": "1"},
    "ActivityMissed": {**ABOUT_PLACE, "session_id": "1", "told_ahead": None},
    "FeedbackSubmitted": {
        "about": {"kind": "referral", "id": REFERRAL},
        "respondent": "participant",
        "phase": "after",
        "instrument": "experience_v1",
        "answers": {"satisfaction": 4, "recommend": None},
        "channel": None,
    },
}
WITH_NULLS["RoleNamed"] = {
    "role_id": "contact",
    "kind": "kaikukortti_contact",
    "title": "customer_service",
    "counterpart": None,
    "unit_ref": None,
    "host": None,
    "recognised_only": None,
    "begins_on": "2026-09-01",
    "ends_on": None,
}
WITH_NULLS["RoleEnded"] = {"role_id": "contact"}
AGREEMENT = {"agreement_id": "art-2026", "referrer": "/region/06", "organiser": "/opisto/a"}
TERMS = {
    **AGREEMENT,
    "period": {"starts_on": "2026-09-01", "ends_on": "2027-05-31"},
    "unit_ref": None,
    "activities": None,
    "themes": ["singing"],
    "quota": {"of": "places", "amount": 40},
    "price_cents": None,
    "contributions": None,
}
WITH_NULLS["AgreementMade"] = TERMS
WITH_NULLS["AgreementChanged"] = {**TERMS, "from_day": "2027-01-01"}
WITH_NULLS["AgreementEnded"] = {**AGREEMENT, "last_day": "2027-01-31"}
FIGURE = {"measure": "completed", "municipality": None, "theme": "singing", "route": None, "age_band": None}
WITH_NULLS["ImprovementAgreed"] = {
    "improvement_id": "2026-7",
    "roles": [{"partner": "/region/06", "role": "client_counsellor"}],
    "about": TEXT,
    "due": "2026-12-31",
}
WITH_NULLS["ImprovementDone"] = {"agreed_by": "/region/06", "improvement_id": "2026-7"}
WITH_NULLS["PracticeRecorded"] = {
    "practice_id": "2026-7",
    "name": TEXT,
    "what": TEXT,
    "for_whom": TEXT,
    "described_at": "https://www.example.fi/kuoro",
    "themes": None,
    "municipalities": None,
    "figures": [FIGURE],
    "withdrawn": None,
}
WITH_NULLS["PlanGoalRecorded"] = {
    "goal_id": "2026-7",
    "goal": TEXT,
    "starts": "2026-01-01",
    "ends": "2029-12-31",
    "described_at": "https://www.example.fi/suunnitelma",
    "figure": FIGURE,
    "target": 120.0,
    "reach": None,
    "withdrawn": None,
}
WITH_NULLS["TrainingHeld"] = {
    "training_id": "2026-7",
    "name": TEXT,
    "held_on": "2026-08-20",
    "units": [{"partner": "/region/06", "unit_ref": "unit-17"}],
    "audience": ["social_care"],
    "came": 24,
}


def with_nulls(one: EventClass) -> dict[str, Any]:
    """The class's example, with null in each field that can be left out of it."""
    data: dict[str, Any] = dict(json_schema(one)["examples"][0])
    for name, field in one.model.model_fields.items():
        rest = {other: value for other, value in data.items() if other != name and value is not None}
        if not field.is_required() and fits(one, rest):
            data[name] = None
    return data


def fits(one: EventClass, data: dict[str, Any]) -> bool:
    try:
        one.model.model_validate_json(json.dumps(data))
    except ValidationError:
        return False
    return True


WITH_NULLS |= {name: with_nulls(one) for name, one in CLASSES.items() if one.public and name not in WITH_NULLS}

each_class = pytest.mark.parametrize("name", WITH_NULLS)


def taken(name: str, data: object, **attributes: object) -> Event:
    known = {"specversion": "1.0", "id": "e1", "source": "/region/06", "time": "2026-09-01T10:00:00Z"}
    whole = {**known, "type": f"fi.kulttuurilahete.{name}.v1", **attributes, "data": data}
    return decode(read_structured(json.dumps(whole).encode()), now=NOW)


def refused(name: str, data: object, **attributes: object) -> list[str]:
    with pytest.raises(Invalid) as error:
        taken(name, data, **attributes)
    return [problem.path for problem in error.value.problems]


def mapped(value: object, change: Callable[[object], object]) -> Any:
    if isinstance(value, dict):
        return {name: mapped(member, change) for name, member in value.items()}
    return [mapped(member, change) for member in value] if isinstance(value, list) else change(value)


def without_nulls(value: object) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


def test_every_class_from_outside_is_here() -> None:
    assert set(WITH_NULLS) == {name for name, event_class in CLASSES.items() if event_class.public}


# --- null for absent


@each_class
def test_a_null_is_as_if_the_field_were_not_there(name: str) -> None:
    null, absent = taken(name, WITH_NULLS[name]), taken(name, without_nulls(WITH_NULLS[name]))
    assert null.data == absent.data
    assert null.data.model_fields_set == absent.data.model_fields_set
    assert null.digest == absent.digest


@each_class
def test_the_schema_takes_a_null_where_the_model_does(name: str) -> None:
    validator = Draft202012Validator(json_schema(CLASSES[name]))
    assert list(validator.iter_errors(WITH_NULLS[name])) == []


def needed(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("required", [])


@each_class
def test_a_null_for_what_is_needed_is_refused_and_named(name: str) -> None:
    for field in needed(json_schema(CLASSES[name])):
        data = {**WITH_NULLS[name], field: None}
        assert f"/data/{field}" in refused(name, data)
        assert list(Draft202012Validator(json_schema(CLASSES[name])).iter_errors(data))


def test_a_null_in_a_list_is_refused() -> None:
    assert refused("ReferralIssued", {**WITH_NULLS["ReferralIssued"], "languages": ["fi", None]}) == [
        "/data/languages/1"
    ]


# --- 9.0 for 9


def in_floats(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@each_class
def test_a_whole_number_may_be_written_as_a_float(name: str) -> None:
    data = without_nulls(WITH_NULLS[name])
    assert taken(name, mapped(data, in_floats)).data == taken(name, data).data
    assert taken(name, mapped(data, in_floats)).digest == taken(name, data).digest


@pytest.mark.parametrize("number", ["9", "9.0", "9e0", "90e-1", "9.000"])
def test_nine_is_nine_in_every_notation_of_json(number: str) -> None:
    text = json.dumps(WITH_NULLS["ReferralIssued"]).replace('"friends": 9', f'"friends": {number}')
    whole = taken("ReferralIssued", json.loads(text))
    assert whole.data.needs == {"friends": 9}  # type: ignore[attr-defined]
    assert whole.digest == taken("ReferralIssued", WITH_NULLS["ReferralIssued"]).digest


@pytest.mark.parametrize("number", ['"9"', "9.5", "true", '"9.0"', "1e300", "-0.5", "[9]"])
def test_what_is_no_whole_number_is_refused(number: str) -> None:
    text = json.dumps(WITH_NULLS["ReferralIssued"]).replace('"friends": 9', f'"friends": {number}')
    assert refused("ReferralIssued", json.loads(text)) == ["/data/needs/friends"]


texts = st.text().filter(lambda text: not holds_a_code(text))  # Hypothesis takes constants from our own code: codes too


@given(
    st.recursive(
        st.none() | st.integers(1 - 2**53, 2**53 - 1) | texts | st.booleans(),
        lambda some: st.lists(some) | st.dictionaries(texts, some),
    )
)
def test_an_unknown_field_in_another_spelling_makes_an_honest_retry_no_conflict(unknown: object) -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    retry = mapped(without_nulls(copy.deepcopy(unknown)), in_floats)
    first, again = taken("ReferralWithdrawn", {**data, "x": unknown}), taken("ReferralWithdrawn", {**data, "x": retry})
    if unknown is not None:
        assert first.digest == again.digest


# --- languages, units, correlation


def issued(field: str, value: object) -> dict[str, Any]:
    return {**WITH_NULLS["ReferralIssued"], field: value}


@pytest.mark.parametrize(
    "code",
    [
        "fi",
        "sv",
        "en",
        "se",
        "smn",
        "sms",
        "ar",
        "FI",
        "sv-FI",
        "es-419",
        "sr-Latn",
        "zh-Hans-CN",
        "fse",
        "fin",
        "ger",
        "smi",
    ],
)
def test_a_language_is_an_iso_639_code_with_a_script_and_a_region_or_without(code: str) -> None:
    assert taken("ReferralIssued", issued("languages", [code])).data.languages == (code,)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "xx",
        "qq",
        "matti",
        "fi-Matti",
        "fi-Virtanen",
        "fi-x-matti",
        "suomi",
        "fi-FI-010190",
        "f",
        "",
        "fi_FI",
        "en-GB-oed",
    ],
)
def test_what_is_no_language_is_refused(text: str) -> None:
    assert refused("ReferralIssued", issued("languages", ["fi", text])) == ["/data/languages/1"]
    activity = without_nulls(WITH_NULLS["ActivityPublished"])
    assert "/data/languages/0" in refused("ActivityPublished", {**activity, "languages": [text]})


@pytest.mark.parametrize(
    "unit", ["u", "unit-17", "A_b-9", "x" * 16, "12-345-678", "1.2.246.10.12345678.10.0", "1.2.246.537.10.15.1"]
)
def test_a_unit_is_an_organisations_oid_or_a_short_name(unit: str) -> None:
    data = issued("unit_ref", unit)
    assert taken("ReferralIssued", data).data.unit_ref == unit  # type: ignore[attr-defined]
    assert list(Draft202012Validator(json_schema(CLASSES["ReferralIssued"])).iter_errors(data)) == []


@pytest.mark.parametrize(
    "unit",
    [
        "",
        "x" * 17,
        "unit 17",
        "unit-1234",
        "0401234567",
        "010190",
        "käsi",
        "1.2.246.562.10.12810669445",
        "1.2.246.10",
        "1.2.246.10.0401234567",
        "1.2.246.10.12345678.x",
        "1.2.246.1010.1",
    ],
)
def test_what_could_name_a_person_is_no_unit(unit: str) -> None:
    data = issued("unit_ref", unit)
    assert refused("ReferralIssued", data) == ["/data/unit_ref"]
    assert list(Draft202012Validator(json_schema(CLASSES["ReferralIssued"])).iter_errors(data))


@pytest.mark.parametrize("said", ["Matti Virtanen", "x" * 65, "a/b", "a@b.fi", "äiti"])
def test_a_correlation_is_an_id_and_nothing_else(said: str) -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    assert taken("ReferralWithdrawn", data, correlationid=REFERRAL).data.subject == REFERRAL
    assert refused("ReferralWithdrawn", data, correlationid=said) == ["/correlationid"]


# --- times


@pytest.mark.parametrize(
    "time",
    ["2016-12-31T23:59:60Z", "2017-01-01T01:59:60+02:00", "2016-12-31T18:59:60-05:00", "2016-12-31t23:59:60.000z"],
)
def test_a_leap_second_is_read_as_the_second_after_it(time: str) -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    assert taken("ReferralWithdrawn", data, time=time).time == datetime(2017, 1, 1, tzinfo=UTC)


def test_what_a_leap_second_has_passed_of_itself_is_kept() -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    read = taken("ReferralWithdrawn", data, time="2016-12-31T23:59:60.25Z").time
    assert read == datetime(2017, 1, 1, tzinfo=UTC) + timedelta(milliseconds=250)


@pytest.mark.parametrize(
    "time",
    [
        "2016-12-31T12:00:60Z",
        "2016-12-31T23:59:60+02:00",
        "2016-12-31T23:59:61Z",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:60-23:59",
        "0001-01-01T00:00:60+23:59",
    ],
)
def test_a_second_60_at_any_other_minute_is_refused(time: str) -> None:
    assert refused("ReferralWithdrawn", {"referral_id": REFERRAL, "reason": "moved"}, time=time) == ["/time"]


fractions = st.text("0123456789", min_size=1, max_size=9)


@given(fractions)
def test_a_time_is_written_on_with_every_digit_that_came_beyond_the_microsecond(fraction: str) -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    event = taken("ReferralWithdrawn", data, time=f"2026-09-01T13:00:00.{fraction}+03:00")
    attributes = attributes_of(event)
    again = taken("ReferralWithdrawn", data, time=attributes["time"])
    assert (again.time, again.finer) == (event.time, event.finer)
    if len(fraction) > 6:
        assert attributes["time"] == f"2026-09-01T10:00:00.{fraction}Z"


@given(st.lists(st.tuples(fractions, st.sampled_from(["a", "b", "Z", "9"])), max_size=8))
def test_facts_are_ordered_to_the_nanosecond_and_then_by_id(facts: list[tuple[str, str]]) -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    events = [
        taken("ReferralWithdrawn", data, time=f"2026-09-01T10:00:00.{fraction}Z", id=id_) for fraction, id_ in facts
    ]
    exact = sorted((int(fraction.ljust(9, "0")), id_) for fraction, id_ in facts)
    shown = [attributes_of(event) for event in sorted(events, key=lambda one: one.order)]
    assert [(int(one["time"][20:-1].ljust(9, "0") or 0), one["id"]) for one in shown] == exact


def test_a_tenth_digit_is_refused() -> None:
    data = {"referral_id": REFERRAL, "reason": "moved"}
    assert refused("ReferralWithdrawn", data, time="2026-09-01T10:00:00.1234567890Z") == ["/time"]


@given(st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True), st.text("0123456789", max_size=3))
def test_a_rank_tells_the_id_that_it_was_made_of(id_: str, finer: str) -> None:
    assert finer_and_id(rank_of(id_, finer)) == (finer.rstrip("0"), id_)
