"""What a sender did wrong, field by field, and the text about it: of its dead letters, and nothing of what it sent."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.contract_fields import contract_field
from services.monitor.model import Dead
from services.monitor.violation_texts import MOST_TOLD, text_about
from services.monitor.violation_wording import words_in
from services.monitor.violations import THEIRS, OtherFaults, SeenFault, ViolationsFound, violations_of
from shared.contracts.registry import CLASSES
from shared.http.language import LANGUAGES
from tests.unit.doors import OPISTO, REGION, key
from tests.unit.ops_room import OpsRoom, letter, ops_room

PATH: Final = f"/v1/senders{REGION}/violations"
ISSUE: Final = CLASSES["ReferralIssued"].type
NOW: Final = datetime(2026, 9, 20, 10, tzinfo=UTC)
TURNED: Final = "\u202egnp.exe\u2066"
HOSTILE: Final = st.text(max_size=80) | st.sampled_from([TURNED, "<script>", "å" * 60_000, "{now}", "/data/" * 9_000])


# As much of an error as the monitor keeps.
ERRORS: Final = HOSTILE.map(lambda text: text[:1_000])


def dead(error: str = "", at: datetime = NOW, **said: Any) -> Dead:
    told = {"dl_id": "d1", "reason": "invalid", "service": "referral", "topic": "intake.http", "type": ISSUE, **said}
    return Dead(error=error, partition=0, offset=0, time=at, attempts=1, **told)


def fault(letter: Dead, count: int = 1) -> SeenFault:
    return SeenFault(count, letter, [letter])


def texts_about(sender: str, violations: ViolationsFound, now: datetime) -> dict[str, str]:
    return {language: text_about(sender, violations, now, language) for language in LANGUAGES}


def found(*faults: SeenFault, others: OtherFaults = OtherFaults(0, 0)) -> ViolationsFound:  # noqa: B008 - immutable
    return ViolationsFound(violations_of(faults), others)


# --- the field


@pytest.mark.parametrize(
    ("pointer", "known", "says"),
    [
        ("/data/municipality", "/data/municipality", "Statistics Finland"),
        ("/data/consent/scopes/*", "/data/consent/scopes/*", "consented to"),
        ("/data/needs/matti_virtanen", "/data/needs/*", "1 to 10"),
        ("/data/municipality/deeper", "/data/municipality", "Statistics Finland"),
        ("/data/matti_virtanen", "/data", "client is referred"),
        ("/time", "/time", "recorded the fact"),
        ("/matti_virtanen", "", ""),
        ("", "", ""),
    ],
)
def test_a_field_is_named_as_deep_as_the_contract_knows_it(pointer: str, known: str, says: str) -> None:
    field = contract_field(ISSUE, pointer)
    assert field.pointer == known
    assert says in field.wanted


def test_every_field_of_every_class_has_its_own_words_and_rule() -> None:
    for one in CLASSES.values():
        for name, schema in one.model.model_json_schema()["properties"].items():
            field = contract_field(one.type, f"/data/{name}")
            assert field.pointer == f"/data/{name}"
            assert field.wanted == " ".join(schema["description"].split())
    assert json.loads(contract_field(ISSUE, "/data/municipality").rule) == {"pattern": "^[0-9]{3}$", "type": "string"}


@given(
    type_=st.sampled_from([ISSUE, CLASSES["ActivityPublished"].type, "nobody's"]),
    segments=st.lists(HOSTILE, max_size=8),
)
def test_no_name_of_a_senders_own_is_part_of_a_pointer(type_: str, segments: list[str]) -> None:
    pointer = "/data/" + "/".join(segments)
    field = contract_field(type_, pointer)
    assert field.pointer in {"", "/data"} or contract_field(type_, field.pointer) == field
    assert len(field.pointer) < 200


# --- one violation


def test_faults_that_differ_in_their_words_alone_are_one() -> None:
    missing = dead("/data/municipality: Field required", NOW - timedelta(days=2), dl_id="d2", event_id="e2")
    unknown = dead("/data/municipality: no municipality has the code '999'", event_id="e1")
    (one,) = violations_of([fault(missing, 2), fault(unknown, 3)])
    assert (one.name, one.reason, one.field.pointer, one.letters) == (
        "ReferralIssued",
        "invalid",
        "/data/municipality",
        5,
    )
    assert (one.first, one.last) == (missing.time, unknown.time)
    assert [each.event_id for each in one.examples] == ["e1", "e2"]
    assert one.error == "/data/municipality: no municipality has the code …"


def test_what_is_the_platforms_own_fault_is_no_violation() -> None:
    assert violations_of([fault(dead(reason="handler_failed")), fault(dead(reason="no reason of ours"))]) == []


@settings(max_examples=25)
@given(
    st.lists(
        st.builds(dead, ERRORS, reason=st.sampled_from(sorted(THEIRS)), type=HOSTILE, event_id=HOSTILE), max_size=8
    )
)
def test_whatever_a_sender_wrote_stands_in_no_text_about_it(letters: list[Dead]) -> None:
    several = found(*map(fault, letters))
    assert sum(one.letters for one in several.violations) == len(letters)
    for text in texts_about(REGION, several, NOW).values():
        assert len(text) < 20_000
        assert {unicodedata.category(one) for one in text} & {"Cc", "Cf", "Cs"} <= {"Cc"}
        assert not any(one for one in text if unicodedata.category(one) == "Cc" and one != "\n")


# --- the text


def test_each_reason_has_its_words_in_each_language_and_nothing_is_left_to_fill_in() -> None:
    for language in LANGUAGES:
        words = words_in(language)
        for reason in THEIRS:
            said = text_about(REGION, found(fault(dead(reason=reason, event_id="e1"))), NOW, language)
            assert words[reason] in said
            assert words[f"{reason}_do"] in said
            assert "{" not in said


def test_the_text_says_what_where_how_often_since_when_and_what_is_wanted() -> None:
    letter = dead("/data/municipality: no municipality has the code '999'", NOW - timedelta(days=1), event_id="e1")
    texts = texts_about(REGION, found(fault(letter, 12), others=OtherFaults(3, 40)), NOW)
    for said in (
        "ReferralIssued",
        "/data/municipality",
        "12",
        "invalid",
        "e1",
        "Statistics Finland",
        "40",
        "^[0-9]{3}$",
    ):
        assert all(said in text for text in texts.values()), said
    assert "19.9.2026 klo 13.00" in texts["fi"]
    assert "19.9.2026 kl. 13.00" in texts["sv"]
    assert "19 Sep 2026, 13:00" in texts["en"]
    assert all("999" not in text for text in texts.values())


def test_of_many_violations_the_text_tells_the_most_frequent_and_counts_the_others() -> None:
    many = [
        fault(dead(f"/data/{name}: no"), nth + 1)
        for nth, name in enumerate(CLASSES["ReferralIssued"].model.model_fields)
    ]
    text = text_about(REGION, found(*many), NOW, "en")
    assert f"\n{MOST_TOLD}. " in text
    assert f"\n{MOST_TOLD + 1}. " not in text
    left = sum(range(1, len(many) - MOST_TOLD + 1))
    assert f"{left} events with other faults ({len(many) - MOST_TOLD} different" in text


def test_of_a_sender_that_did_nothing_wrong_it_says_so() -> None:
    assert "has taken all that /region/06 has sent" in text_about(REGION, found(), NOW, "en")


# --- from records to the answer


@pytest.mark.asyncio
async def test_the_violations_of_a_sender_are_those_of_its_dead_letters_after_any_kill(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as room:
        room.killed_at = "saved"
        for nth in range(5):
            await _refused(room, f"d{nth}", f"/data/municipality: no municipality has the code '{nth}'")
        await _refused(room, "other", "/data/municipality: no", ce_source=OPISTO)
        await room.letter("ours", dl_reason="handler_failed")
        said = await room.get(PATH, "reader:eero")
        (one,) = said["violations"]
        assert (one["type"], one["pointer"], one["count"]) == ("ReferralIssued", "/data/municipality", 5)
        assert [each["event_id"] for each in one["examples"]] == ["of-d4", "of-d3", "of-d2"]
        assert one["first"] < one["last"]
        assert said["complete"]
        assert "/data/municipality" in said["texts"]["sv"]
        assert await room.get(PATH, REGION) == said
        assert (await room.client.get(PATH, headers=key(OPISTO))).status_code == 403


@pytest.mark.asyncio
async def test_thousands_of_different_faults_are_counted_and_the_most_frequent_shown(tmp_path: Path) -> None:
    async with ops_room(tmp_path) as room:
        names = [f"/data/{chr(97 + nth // 26)}{chr(97 + nth % 26)}: no" for nth in range(60)]
        for nth, error in enumerate(names):
            await _refused(room, f"d{nth}", error)
        for nth in range(3):
            await _refused(room, f"most{nth}", "/data/age_band: no")
        said = await room.get(PATH)
        assert (said["violations"][0]["pointer"], said["violations"][0]["count"]) == ("/data", 39)
        assert said["violations"][1]["pointer"] == "/data/age_band"
        assert said["others"] == {"faults": 21, "count": 21}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "nobody", ["region/00", "region/6", "service/monitor", "opisto/%E2%80%AE%00", "region/131052-308T"]
)
async def test_of_what_can_be_no_sender_nothing_is_said(tmp_path: Path, nobody: str) -> None:
    async with ops_room(tmp_path) as room:
        answer = await room.client.get(f"/v1/senders/{nobody}/violations", headers=key("reader:eero"))
        assert (answer.status_code, "131052-308T" in answer.text) == (404, False)
        assert (await room.get("/v1/senders/opisto/nobody-yet/violations"))["violations"] == []


@pytest.mark.asyncio
async def test_however_many_faults_are_the_platforms_own_none_of_them_is_told_or_hides_the_senders(
    tmp_path: Path,
) -> None:
    async with ops_room(tmp_path) as room:
        words = [chr(97 + nth // 26) + chr(97 + nth % 26) for nth in range(41)]
        ours = [(f"{word}{nth}", f"a fault called {word}") for word in words for nth in range(2)]
        await room.reads(*(letter(dl_id, dl_reason="handler_failed", dl_error=error) for dl_id, error in ours))
        await _refused(room, "theirs", "/data/age_band: no")
        said = await room.get(PATH)
        assert [(one["pointer"], one["count"]) for one in said["violations"]] == [("/data/age_band", 1)]
        assert said["others"] == {"faults": 0, "count": 0}


async def _refused(room: OpsRoom, dl_id: str, error: str, **said: Any) -> None:
    await room.letter(dl_id, dl_reason="invalid", dl_error=error, **said)
