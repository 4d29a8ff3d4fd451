"""The whole road on real processes: from ReferralIssued to ReferralClosed, over HTTP and Kafka, with faults and kills.

One platform for all of the module; every test walks with referrals and activities of its own.
"""

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.backends import Backend
from shared.contracts.topics import SERVICES
from tests.backends import address_of, java
from tests.integration.road import (
    OPISTO,
    OWN_TOPIC,
    REGION,
    Road,
    event,
    issued,
    kafka_headers_of,
    now,
    published,
    road,
)
from tests.scenarios.observation import read_all

BROKEN = "EnrolmentCancelled"
"""A class at which every handler fails."""


@pytest.fixture(scope="module", params=[Backend.EMBEDDED, Backend.JAVA])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    if request.param is Backend.JAVA:
        address_of(java())
    folder: Path = tmp_path_factory.mktemp("road")
    with road(folder, request.param, LAHETE_FAULT_FAIL_ON=BROKEN) as made:
        yield made


def _about(referral_id: str, activity_id: str) -> dict[str, str]:
    return {"referral_id": referral_id, "activity_id": activity_id}


def _chosen(referral_id: str, activity_id: str, **attributes: object) -> dict[str, object]:
    return event(REGION, "ActivityChosen", {**_about(referral_id, activity_id), "organiser": OPISTO}, **attributes)


def _placed(platform: Road, activity_id: str, **changes: Any) -> str:
    """A referral with a confirmed place."""
    referral_id = str(uuid4())
    platform.accepted(issued(referral_id, **changes))
    platform.accepted(_chosen(referral_id, activity_id))
    platform.accepted(event(OPISTO, "EnrolmentConfirmed", _about(referral_id, activity_id)))
    platform.comes_to(referral_id, "placed")
    return referral_id


def test_a_referral_goes_from_its_region_to_the_opisto_and_back(platform: Road) -> None:
    # The course is over already and the choice was made before it: each session is recorded as the nightly run would.
    course = published(f"kuoro-{uuid4().hex[:6]}", ended=True)
    course["time"] = (now() - timedelta(days=9)).isoformat()
    activity = course["data"]["activity_id"]
    referral_id = str(uuid4())
    platform.accepted(course)
    platform.accepted(issued(referral_id) | {"time": (now() - timedelta(days=8)).isoformat()})
    platform.accepted(_chosen(referral_id, activity, time=(now() - timedelta(days=7)).isoformat()))
    platform.told(OPISTO, "PlaceReserved", referral_id)
    confirmed = event(OPISTO, "EnrolmentConfirmed", _about(referral_id, activity))
    platform.accepted(confirmed | {"time": (now() - timedelta(days=6)).isoformat()})
    platform.comes_to(referral_id, "placed")
    for session, name in (("1", "ActivityAttended"), ("2", "ActivityMissed")):
        platform.accepted(event(OPISTO, name, {**_about(referral_id, activity), "session_id": session}))
    completed = platform.comes_to(referral_id, "completed")
    assert completed["outcome"] == "completed"
    assert completed["session_counts"] == {"attended": 1, "missed": 1, "told_ahead": 0, "not_recorded": 0}
    assert completed["closed_at"] is None

    _answer_the_form(platform, referral_id, "before", 3)
    _answer_the_form(platform, referral_id, "after", 7)
    closed = platform.told(REGION, "ReferralClosed", referral_id)
    assert closed["data"]["outcome"] == "completed"
    assert closed["data"]["sessions"] == {"attended": 1, "missed": 1, "told_ahead": 0, "not_recorded": 0}
    told = platform.told(OPISTO, "PlaceReserved", referral_id)
    assert set(told["data"]) == {
        "referral_id",
        "referral_code",
        "activity_id",
        "languages",
        "accessibility",
        "companion",
        "price_cents",
        "price_rule",
    }


def _answer_the_form(platform: Road, referral_id: str, phase: str, answer: int) -> None:
    link = platform.ask("feedback", f"/v1/referrals/{referral_id}/form-links", REGION, "POST", json={"phase": phase})
    assert link.status_code == 201, link.text
    token = link.json()["url"].rpartition("/")[2]
    page = platform.ask("feedback", f"/f/{token}", REGION)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    sent = platform.ask(
        "feedback", f"/f/{token}", REGION, "POST", data={"respondent": "participant", "dimensions_v1-friends": answer}
    )
    assert sent.status_code == 200
    platform.until(lambda: platform.ask("feedback", f"/f/{token}", REGION).status_code == 410, "the link is used up")


def test_proposals_come_to_the_region_with_reasons(platform: Road) -> None:
    course = published(f"kudonta-{uuid4().hex[:6]}", themes=["crafts"], needs_supported={"finance": 10})
    platform.accepted(course)
    referral_id = str(uuid4())
    platform.until(
        lambda: platform.ask("catalogue", f"/v1/activities{OPISTO}/{course['data']['activity_id']}").status_code == 200,
        "the activity is public",
    )
    platform.accepted(issued(referral_id, needs={"finance": 10}, themes=["crafts"]))
    told = platform.told(REGION, "ActivitiesProposed", referral_id)
    first = told["data"]["proposals"][0]
    assert (first["organiser"], first["activity_id"]) == (OPISTO, course["data"]["activity_id"])
    assert first["score"] == 100
    assert {"need:finance", "theme:crafts", "municipality:434", "free"} <= set(first["reasons"])
    platform.comes_to(referral_id, "proposed")


def test_an_unmatched_referral_is_matched_when_an_activity_appears(platform: Road) -> None:
    referral_id = str(uuid4())
    consent = {"recorded_on": "2026-09-01", "given_by": "guardian", "scopes": ["referral"]}
    child: dict[str, Any] = {"municipality": "261", "age_band": "7-12", "needs": {"housing": 10}, "consent": consent}
    platform.accepted(issued(referral_id, **child))
    platform.comes_to(referral_id, "unmatched")
    course = published(f"lapset-{uuid4().hex[:6]}", municipality="261", age={"min": 6, "max": 12})
    platform.accepted(course)
    platform.comes_to(referral_id, "proposed")


def test_the_last_place_goes_to_one_and_falls_free_to_the_next(platform: Road) -> None:
    course = published(f"pieni-{uuid4().hex[:6]}", capacity=1)
    activity = course["data"]["activity_id"]
    platform.accepted(course)
    first = _placed(platform, activity)
    second = str(uuid4())
    platform.accepted(issued(second))
    platform.accepted(_chosen(second, activity))
    assert platform.comes_to(second, "waitlisted")["place"]["position"] == 1
    platform.accepted(event(REGION, "ReferralWithdrawn", {"referral_id": first, "reason": "client_wish"}))
    assert platform.comes_to(first, "withdrawn")["outcome"] == "withdrawn"
    promoted = platform.comes_to(second, "requested")
    assert promoted["place"]["activity_id"] == activity
    platform.told(OPISTO, "PlaceReserved", second)


def test_events_in_the_wrong_order_end_the_same(platform: Road) -> None:
    course = published(f"nurin-{uuid4().hex[:6]}")
    activity = course["data"]["activity_id"]
    referral_id = str(uuid4())
    facts = [
        issued(referral_id),
        _chosen(referral_id, activity),
        event(OPISTO, "EnrolmentConfirmed", _about(referral_id, activity)),
        event(OPISTO, "ActivityAttended", {**_about(referral_id, activity), "session_id": "1"}),
    ]
    for fact in reversed([course, *facts]):
        platform.accepted(fact)
    found = platform.comes_to(referral_id, "attending")
    assert found["session_counts"] == {"attended": 1, "missed": 0, "told_ahead": 0, "not_recorded": 0}


def test_a_repetition_is_recognised_and_counted(platform: Road) -> None:
    referral_id = str(uuid4())
    first = issued(referral_id)
    for _ in range(5):
        platform.accepted(first)

    def counted() -> bool:
        answer = platform.ask("monitor", f"/v1/events/{first['id']}", REGION).json()
        return (answer["state"], answer["repeated"]) == ("applied", 4)

    platform.until(counted, "four repetitions are counted")
    platform.told(REGION, "ReferralOpened", referral_id)
    opened = [one for one in platform.feed(REGION) if one["type"].endswith("ReferralOpened.v1")]
    assert sum(one["data"]["referral_id"] == referral_id for one in opened) == 1


@pytest.mark.parametrize(
    ("change", "status", "path"),
    [
        ({"municipality": "999"}, 422, "/data/municipality"),
        ({"needs": {"friends": "9"}}, 422, "/data/needs/friends"),
        ({"unit_ref": "131052-308T"}, 422, "/data/unit_ref"),
        ({"consent": {"recorded_on": "2026-09-01", "scopes": ["feedback"]}}, 422, "/data/consent"),
    ],
)
def test_the_door_names_the_field_that_is_wrong(platform: Road, change: dict[str, Any], status: int, path: str) -> None:
    response = platform.send(issued(str(uuid4()), **change))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["path"].startswith(path)
    assert "131052-308T" not in response.text


def test_the_door_refuses_anothers_source_and_what_the_sender_may_not_send(platform: Road) -> None:
    assert platform.send(issued(str(uuid4()), source="/region/07"), who=REGION).status_code == 403
    assert platform.send(event(REGION, "ActivityCancelled", {"activity_id": "x", "reason": "other"})).status_code == 403
    assert platform.send(issued(str(uuid4())) | {"type": "fi.kulttuurilahete.ReferralIssued.v2"}).status_code == 422
    assert platform.send(issued(str(uuid4())) | {"time": (now() + timedelta(hours=1)).isoformat()}).status_code == 422


def test_a_batch_is_taken_whole_or_refused_whole(platform: Road) -> None:
    good, bad = issued(str(uuid4())), issued(str(uuid4()), municipality="999")
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    refused = platform.ask("referral", "/v1/events", REGION, "POST", headers=headers, content=json.dumps([good, bad]))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["path"] == "/1/data/municipality"
    assert platform.ask("monitor", f"/v1/events/{good['id']}", REGION).json()["state"] == "unknown"
    taken = platform.ask("catalogue", "/v1/events", REGION, "POST", headers=headers, content=json.dumps([good]))
    assert taken.status_code == 202
    assert taken.json() == {"accepted": [{"id": good["id"], "source": REGION}]}


def test_what_is_wrong_on_kafka_becomes_a_dead_letter_with_its_bytes(platform: Road) -> None:
    forged = issued(str(uuid4()), source=REGION)
    platform.accepted(forged)
    platform.to_kafka(
        OWN_TOPIC, forged["subject"].encode(), json.dumps(forged["data"]).encode(), kafka_headers_of(forged)
    )
    platform.to_kafka(OWN_TOPIC, b"k", b"{no json", [("x", b"\xff"), ("y", None)])
    for reason in ("forged_sender", "undecodable"):
        (letter,) = platform.until(partial(platform.dead_letters, reason=reason), f"a {reason} dead letter")
        assert letter["service"] == "referral"
        assert letter["sender"] == OWN_TOPIC
        assert letter["state"] == "open"

    def of_the_named_one() -> bool:
        answer = platform.ask("monitor", f"/v1/events/{forged['id']}", REGION).json()
        return (answer["state"], answer["repeated"]) == ("applied", 0)

    platform.until(of_the_named_one, "the region's own event of that id is applied, and not repeated")
    shown = platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}").json()
    assert shown["original"]["value"] == "{no json"
    assert shown["original"]["headers"] == [["x", {"base64": "/w=="}], ["y", None]]
    refused = platform.until(
        lambda: [one for one in platform.feed(OWN_TOPIC) if one["type"].endswith("EventRefused.v1")],
        "the sender is told",
    )
    assert {one["data"]["reason"] for one in refused} <= {"forged_sender", "undecodable"}


def test_a_dead_letter_is_sent_again_once_its_cause_is_mended(platform: Road) -> None:
    referral_id = str(uuid4())
    (letter,) = _rejected_feedback(platform, referral_id, 1)
    platform.accepted(issued(referral_id))
    again = platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}/redrive", method="POST")
    assert again.status_code == 202
    assert again.json() == {"dl_id": letter["dl_id"], "attempt": 1}

    def settled() -> bool:
        return bool(platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}").json()["state"] == "resolved")

    platform.until(settled, "the dead letter is resolved")
    assert platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}/redrive", method="POST").status_code == 409


def test_dead_letters_of_one_referral_are_sent_again_in_the_order_asked_for(platform: Road) -> None:
    letters = _rejected_feedback(platform, str(uuid4()), 16)
    for letter in letters:
        again = platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}/redrive", method="POST")
        assert again.status_code == 202
    asked = [letter["event_id"] for letter in letters]

    def sent() -> list[str] | None:
        records, _ = asyncio.run(read_all(platform.run.kafka, ["redrive.feedback"]))
        found = [record.named[1] for record in records if record.named and record.named[1] in asked]
        return found if len(found) == len(asked) else None

    assert platform.until(sent, "all are sent again") == asked


def _rejected_feedback(platform: Road, referral_id: str, count: int) -> list[dict[str, Any]]:
    """The dead letters of so many answers to a referral without the consent for it, the oldest first."""
    platform.accepted(issued(referral_id, consent={"recorded_on": "2026-09-01", "scopes": ["referral"]}))
    answers = {
        "about": {"kind": "referral", "id": referral_id},
        "respondent": "participant",
        "phase": "before",
        "instrument": "dimensions_v1",
        "answers": {"friends": 3},
        "channel": "paper",
    }
    ids = []
    for _ in range(count):
        one = event(REGION, "FeedbackSubmitted", answers)
        platform.accepted(one)
        ids.append(one["id"])

    def all_of_them() -> list[dict[str, Any]] | None:
        found = {one["event_id"]: one for one in platform.dead_letters(reason="rejected")}
        return [found[id_] for id_ in ids] if found.keys() >= set(ids) else None

    return list(platform.until(all_of_them, f"{count} are rejected without consent"))


def test_withdrawn_consent_erases_everywhere(platform: Road) -> None:
    course = published(f"unohda-{uuid4().hex[:6]}")
    platform.accepted(course)
    referral_id = _placed(platform, course["data"]["activity_id"], unit_ref="unit-to-forget")
    platform.told(REGION, "EnrolmentConfirmed", referral_id)
    code = _code_of(platform, referral_id)
    platform.accepted(event(REGION, "ReferralWithdrawn", {"referral_id": referral_id, "reason": "consent_withdrawn"}))
    left = platform.comes_to_erased(referral_id)
    assert left["history"] == []
    assert left["referral_code"] is None
    platform.until(
        lambda: all(
            "languages" not in one["data"]
            for one in platform.feed(OPISTO)
            if one["data"].get("referral_id") == referral_id
        ),
        "the opisto's feed is blank",
    )
    platform.told(OPISTO, "PlaceReleased", referral_id)
    # A pair keeps the day on which its unit and organiser did something together, and the monitor that it was told: by the
    # names of both, and by nothing of the referral.
    platform.until(
        lambda: (
            not _found_in_stores(platform, [code.encode()])
            and all(
                "partners" in where or "monitor" in where for where in _found_in_stores(platform, [b"unit-to-forget"])
            )
        ),
        "no store holds it any more",
    )


def test_a_broken_resend_of_what_was_erased_keeps_nothing_in_any_store_or_file(platform: Road) -> None:
    first = issued(str(uuid4()), source=OWN_TOPIC, unit_ref="unit-seven")
    referral_id = first["subject"]
    platform.accepted(first)
    platform.told(OWN_TOPIC, "ReferralOpened", referral_id)
    withdrawal = {"referral_id": referral_id, "reason": "consent_withdrawn"}
    platform.accepted(event(OWN_TOPIC, "ReferralWithdrawn", withdrawal))
    assert platform.told(OWN_TOPIC, "ReferralErased", referral_id)["data"]["log_kept_days"] == 30
    headers = [(name, value) for name, value in kafka_headers_of(first) if name != "ce_subject"]
    broken = json.dumps({**first["data"], "municipality": 434}).encode()
    platform.to_kafka(OWN_TOPIC, referral_id.encode(), broken, headers)
    told = platform.told(OWN_TOPIC, "EventRefused", referral_id)["data"]
    assert (told["event_id"], told["reason"]) == (first["id"], "invalid")
    assert "municipality" not in json.dumps(told), "nothing of what it said"

    def letters() -> list[dict[str, Any]]:
        return [one for one in platform.dead_letters(reason="invalid") if one["event_id"] == first["id"]]

    (letter,) = platform.until(letters, "it is dead-lettered")
    whole = platform.ask("monitor", f"/v1/dead-letters/{letter['dl_id']}").json()
    assert (whole["original"], whole["error"], whole["state"]) == (None, "", "discarded")
    platform.until(lambda: not _found_in_stores(platform, [b"unit-seven"]), "no store holds it any more")
    platform.until(lambda: not _found_in_files(platform, b"unit-seven"), "no file holds it any more")


def _code_of(platform: Road, referral_id: str) -> str:
    code = platform.ask("referral", f"/v1/referrals/{referral_id}", REGION).json()["referral_code"]
    assert isinstance(code, str)
    return code


def _found_in_files(platform: Road, needle: bytes) -> list[str]:
    return [file.name for file in platform.folder.glob("*.sqlite*") if needle in file.read_bytes()]


def _found_in_stores(platform: Road, needles: list[bytes]) -> list[str]:
    return [where for where, text in platform.kept() if any(needle in text for needle in needles)]


def test_every_look_is_kept_and_shown_to_the_region(platform: Road) -> None:
    referral_id = str(uuid4())
    platform.accepted(issued(referral_id))
    platform.comes_to(referral_id, "proposed")
    assert platform.ask("referral", f"/v1/referrals/{referral_id}", "/region/07").status_code == 404
    desk = platform.ask("referral", f"/v1/codes/{_code_of(platform, referral_id).lower()}", OPISTO)
    assert desk.json() == {"referral_id": referral_id}

    def looks() -> list[dict[str, object]]:
        accesses = platform.ask("referral", f"/v1/referrals/{referral_id}/accesses", REGION).json()["accesses"]
        return [one for one in accesses if one["who"] in {"/region/07", OPISTO}]

    found = platform.until(lambda: looks() if len(looks()) == 2 else None, "both looks are kept")
    assert {(one["who"], one["action"], one["allowed"]) for one in found} == {
        ("/region/07", "read", False),
        (OPISTO, "look_up_code", True),
    }


def test_a_trace_shows_the_way_and_nothing_of_the_person(platform: Road) -> None:
    course = published(f"jalki-{uuid4().hex[:6]}")
    platform.accepted(course)
    referral_id = _placed(platform, course["data"]["activity_id"])
    trace = platform.until(lambda: _with(platform, referral_id, "PlaceReserved"), "the trace has the place")
    names = [one["type"].split(".")[2] for one in trace["events"]]
    assert names.index("ReferralIssued") < names.index("ReferralOpened")
    assert names.index("PlaceRequested") < names.index("PlaceReserved")
    outcomes = {one["type"].split(".")[2]: one["outcome"] for one in trace["events"]}
    assert outcomes["ReferralIssued"] == outcomes["ActivityChosen"] == "applied"
    for secret in ("needs", "unit-17", "answers", "friends"):
        assert secret not in json.dumps(trace)


def test_an_event_that_names_no_subject_on_kafka_is_filled_in_and_its_fate_is_told(platform: Road) -> None:
    """As over HTTP. By the event's id its sender learns what became of it, and ops find the referral."""
    sent = issued(str(uuid4()), source=OWN_TOPIC)
    headers = [(name, value) for name, value in kafka_headers_of(sent) if name != "ce_subject"]
    platform.to_kafka(OWN_TOPIC, sent["subject"].encode(), json.dumps(sent["data"]).encode(), headers)

    def applied() -> bool:
        answer = platform.ask("monitor", f"/v1/events/{sent['id']}?source={OWN_TOPIC}", OWN_TOPIC)
        return bool(answer.json()["state"] == "applied")

    platform.until(applied, "its sender is told that it was applied")
    trace = platform.ask("monitor", f"/v1/traces/{sent['id']}").json()
    assert trace["referral_id"] == sent["subject"]


def _with(platform: Road, referral_id: str, name: str) -> dict[str, object] | None:
    response = platform.ask("monitor", f"/v1/traces/{referral_id}")
    found = response.status_code == 200 and any(name in one["type"] for one in response.json()["events"])
    return dict(response.json()) if found else None


@pytest.mark.parametrize("service", ["referral", "catalogue", "notify"])
def test_a_service_killed_in_the_middle_loses_nothing(platform: Road, service: str) -> None:
    if service != "referral" and not platform.run.embedded:
        pytest.skip("on the real backends one service is killed: the soak kills the others")
    course = published(f"kova-{uuid4().hex[:6]}", capacity=40)
    activity = course["data"]["activity_id"]
    platform.accepted(course)
    referrals = [str(uuid4()) for _ in range(30)]
    for number, referral_id in enumerate(referrals):
        platform.until_taken(issued(referral_id))
        platform.until_taken(_chosen(referral_id, activity))
        if number == 15:
            os.kill(platform.run.pids[service], signal.SIGKILL)
    for referral_id in referrals:
        platform.comes_to(referral_id, "requested")
        platform.told(OPISTO, "PlaceReserved", referral_id)
    reserved = [one for one in platform.feed(OPISTO) if one["type"].endswith("PlaceReserved.v1")]
    assert len({one["id"] for one in reserved}) == len(reserved)
    assert sum(one["data"]["referral_id"] in referrals for one in reserved) == len(referrals)


def test_no_log_holds_a_personal_identity_code(platform: Road) -> None:
    coded = issued(str(uuid4()), unit_ref="010594Y9021", source=OWN_TOPIC)
    platform.to_kafka(OWN_TOPIC, coded["subject"].encode(), json.dumps(coded["data"]).encode(), kafka_headers_of(coded))
    platform.until(lambda: platform.dead_letters(reason="personal_data"), "it is dead-lettered masked")
    files = [
        *platform.folder.glob("logs/*.log"),
        *platform.folder.glob("*.sqlite*"),
        *platform.folder.glob("mongodb/data*"),
    ]
    assert files
    assert [file.name for file in files if b"010594Y9021" in file.read_bytes()] == []


def test_every_line_of_the_run_names_ids_and_says_nothing_of_what_its_events_say(platform: Road) -> None:
    """The last test of this module: it reads what all services logged through all of the tests above, faults and kills."""
    course = published(f"lokissa-{uuid4().hex[:6]}")
    activity = course["data"]["activity_id"]
    platform.accepted(course)
    referral_id = _placed(platform, activity)
    broken = event(OPISTO, BROKEN, {**_about(referral_id, activity), "reason": "not_reached"})
    platform.accepted(broken)
    platform.until(lambda: platform.dead_letters(type=broken["type"]), "its handler fails")
    lines = [line for file in platform.folder.glob("logs/*.log") for line in file.read_text().splitlines()]
    failed = [said for line in lines if (said := json.loads(line))["event"] == "handler_failed"]
    assert {(said["event_id"], said["referral_id"]) for said in failed} == {(broken["id"], referral_id)}
    telling = _told_by(platform) | {_code_of(platform, referral_id), *platform.keys.values()}
    assert {"Kuoro kaikille", "unit-17", "65-74", "not_reached"} <= telling
    assert [line for line in lines for word in telling if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line)] == []


def _told_by(platform: Road) -> set[str]:
    """What the run's events say in words, but for ids, names of services, and what is too short to tell anything."""

    def words(said: Any, name: str) -> Iterator[str]:
        if isinstance(said, dict):
            for key, value in said.items():
                yield from words(value, key)
        elif isinstance(said, list):
            for one in said:
                yield from words(one, name)
        elif isinstance(said, str) and not name.endswith("id") and name != "organiser" and len(said) > 4:
            yield said

    return {word for one in platform.sent for word in words(one["data"], "data")} - {*SERVICES}
