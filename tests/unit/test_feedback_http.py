"""The feedback service's HTTP: links, form and reports, against the real store and the engine's own batch."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.feedback import api, form, handlers
from services.feedback.settings import FeedbackSettings
from shared.clock import real_now
from shared.contracts.participant_events import INSTRUMENTS
from tests.unit.feedback_door import FeedbackDoor, ask_link, client_of, key_of, opened_door, path_of_form
from tests.unit.feedback_facts import (
    OPISTO,
    OTHER_OPISTO,
    REFERRAL,
    REGION,
    answered,
    completed,
    erased,
    issued,
    released,
    reserved,
    waitlisted,
)

FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[FeedbackDoor]:
    async with opened_door(tmp_path) as one:
        yield one


@pytest_asyncio.fixture
async def client(door: FeedbackDoor) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(door) as one:
        yield one


# --- links


@pytest.mark.asyncio
async def test_the_region_gets_a_link_and_only_its_hash_is_kept(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    before = real_now()
    response = await ask_link(client)
    assert response.status_code == 201
    body = response.json()
    token = body["url"].removeprefix("http://127.0.0.1:8103/f/")
    assert len(token) >= 43
    assert body["phase"] == "before"
    # By the real clock: the platform's stands a hundred days elsewhere.
    assert timedelta(days=30) <= datetime.fromisoformat(body["expires"]) - before < timedelta(days=30, minutes=1)
    [written] = door.on("intake.http")
    assert written["ce_type"] == "fi.kulttuurilahete.FormLinkIssued.v1"
    assert written["ce_source"] == "/service/feedback"
    assert written["ce_correlationid"] == REFERRAL
    assert written["data"]["token_hash"] == form.hash_of(token)
    assert written["data"]["issued_to"] == REGION
    assert all(token.encode() not in (record.value or b"") for record in door.written)
    [access] = door.on("audit.events")
    assert access["data"] | {"allowed": True, "action": "form_link", "who": REGION} == access["data"]
    assert (await client.get(f"/f/{token}")).status_code == 200


def test_the_public_address_is_a_setting() -> None:
    settings = FeedbackSettings.model_validate({"public_url": "https://palaute.example.fi/", "port": 8103})
    assert settings.form_url("abc") == "https://palaute.example.fi/f/abc"
    with pytest.raises(ValueError, match="begins with https"):
        FeedbackSettings.model_validate({"public_url": "palaute.example.fi"})


@pytest.mark.asyncio
async def test_the_opisto_with_the_place_gets_a_link_and_no_other(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    await door.context(issued(), reserved(), waitlisted(organiser=OTHER_OPISTO, activity="other"))
    assert (await ask_link(client, OPISTO)).status_code == 201
    for holder, status in ((OTHER_OPISTO, 404), ("/region/07", 404), ("ops:anna", 403), ("reader:eero", 403)):
        assert (await ask_link(client, holder)).status_code == status, holder
    kept = [(access["data"]["who"], access["data"]["allowed"]) for access in door.on("audit.events")]
    assert kept == [(OPISTO, True), (OTHER_OPISTO, False), ("/region/07", False)]


@pytest.mark.asyncio
async def test_without_a_key_without_a_referral_without_a_phase_there_is_no_link(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    await door.context(issued())
    address = f"/v1/referrals/{REFERRAL}/form-links"
    assert (await client.post(address, json={"phase": "before"})).status_code == 401
    assert (await ask_link(client, referral=REFERRAL.replace("7b", "8b"))).status_code == 404
    wrong = await ask_link(client, phase="during")
    assert wrong.status_code == 422
    assert wrong.json()["errors"] == [
        {"path": "/phase", "message": "is one of before, after, after_3_months, after_6_months"}
    ]
    unreadable = await client.post(address, content=b"{phase", headers=key_of(REGION))
    assert unreadable.status_code == 400
    assert (await client.post(address, content=b" " * 5_000, headers=key_of(REGION))).status_code == 413
    assert door.on("intake.http") == []


@pytest.mark.asyncio
async def test_without_consent_to_feedback_there_is_no_link(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued(scopes=("referral",)))
    assert (await ask_link(client)).status_code == 422
    await door.context(issued(1), erased())
    gone = await ask_link(client)
    assert gone.status_code == 422
    assert "withdrawn" in gone.json()["detail"]


@pytest.mark.asyncio
async def test_no_link_without_kafka(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    door.down = True
    response = await ask_link(client)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"


@pytest.mark.asyncio
async def test_a_link_is_handed_out_though_its_event_is_slow(
    door: FeedbackDoor, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.context(issued())
    monkeypatch.setattr(form, "_APPLIED_WITHIN", 0.05)
    door.applies = False
    path = await path_of_form(client)
    assert (await client.get(path)).status_code == 404


# --- the form: what is shown


class PageRead(HTMLParser):
    """A page as a reader of its markup sees it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for one, attributes in self.tags if one == tag]

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


@pytest.mark.asyncio
@pytest.mark.parametrize(("phase", "questions"), [("before", 10), ("after", 12)])
async def test_the_form_can_be_read_and_used_by_everyone(
    door: FeedbackDoor, client: httpx.AsyncClient, phase: str, questions: int
) -> None:
    await door.context(issued(), reserved(), completed())
    path = await path_of_form(client, phase)
    for language in ("fi", "sv", "en"):
        response = await client.get(path, params={"lang": language})
        assert response.status_code == 200
        page = PageRead(response.text)
        assert page.all("html") == [{"lang": language}]
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
        assert len(page.all("fieldset")) == len(page.all("legend")) == questions + 1
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        assert {one["id"] for one in page.all("input")} == set(page.values("for"))
        assert {one["type"] for one in page.all("input")} == {"radio"}
        described = " ".join([*page.values("aria-describedby"), *page.values("aria-labelledby")])
        assert set(described.split()) <= set(ids)
        assert not page.all("script")
        assert not [value for name in ("src", "href", "action") for value in page.values(name) if "//" in value]
        assert [one.get("aria-current") for one in page.all("a") if one.get("lang") == language] == ["true"]


@pytest.mark.asyncio
async def test_the_form_loads_nothing_and_leaves_nothing_behind(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    response = await client.get(await path_of_form(client))
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert [style["nonce"] for style in PageRead(response.text).all("style")] == [nonce]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in response.headers


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "fi"), ("sv-FI,sv;q=0.9,en;q=0.5", "sv"), ("de,en;q=0.4,sv;q=0.3", "en"), ("de", "fi"), ("x;q=y", "fi")],
)
async def test_the_form_speaks_the_language_of_its_reader(
    door: FeedbackDoor, client: httpx.AsyncClient, accepted: str, language: str
) -> None:
    await door.context(issued())
    path = await path_of_form(client)
    response = await client.get(path, headers={"accept-language": accepted})
    assert response.headers["content-language"] == language
    chosen = await client.get(path, params={"lang": "en"}, headers={"accept-language": accepted})
    assert chosen.headers["content-language"] == "en"


def test_colours_have_the_contrast_that_is_asked_for() -> None:
    css = (Path(form.__file__).parent / "templates" / "page.html").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", css))
    for text in ("ink", "soft", "accent", "wrong"):
        for ground in ("paper", "tint"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert _contrast(colours["line"], colours["paper"]) >= 3


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """WCAG 2.2, “relative luminance”."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- the form: what is sent


@pytest.mark.asyncio
async def test_looking_does_not_use_the_form_up_and_sending_does(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    path = await path_of_form(client)
    assert [(await client.get(path)).status_code for _ in range(3)] == [200, 200, 200]
    sent = await client.post(path, data={"dimensions_v1-health": "7", "dimensions_v1-friends": "0"})
    assert sent.status_code == 200
    assert "Kiitos" in sent.text
    submitted = door.on("intake.http")[-1]
    assert submitted["ce_type"] == "fi.kulttuurilahete.FeedbackSubmitted.v1"
    assert submitted["ce_source"] == "/service/feedback"
    assert datetime.fromisoformat(submitted["ce_time"]) < real_now() + timedelta(days=365)
    assert submitted["data"] == {
        "about": {"kind": "referral", "id": REFERRAL},
        "respondent": "participant",
        "phase": "before",
        "instrument": "dimensions_v1",
        "answers": {"health": 7, "friends": 0},
        "channel": "form",
    }
    again = [await client.get(path), await client.post(path, data={"dimensions_v1-health": "1"})]
    assert [response.status_code for response in again] == [410, 410]
    for words in ("Olet jo vastannut", "Du har redan svarat", "You have already answered"):
        assert words in again[0].text


@pytest.mark.asyncio
async def test_the_link_of_an_opisto_is_dead_once_another_has_the_place_and_the_regions_is_not(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    await door.context(issued(), reserved(), completed())
    by_holder = {holder: await path_of_form(client, "after", holder) for holder in (OPISTO, REGION)}
    await door.context(released())
    assert (await client.get(by_holder[OPISTO])).status_code == 200, "nobody has it: who had it may ask still"
    await door.context(reserved(6, organiser=OTHER_OPISTO))
    by_holder[OTHER_OPISTO] = await path_of_form(client, "after", OTHER_OPISTO)
    unknown = await client.get("/f/unknown")
    for answer in (
        await client.get(by_holder[OPISTO]),
        await client.post(by_holder[OPISTO], data={"dimensions_v1-health": "1"}),
    ):
        assert (answer.status_code, _plain(answer)) == (404, _plain(unknown))
    assert not [one for one in door.on("intake.http") if one["ce_type"].endswith("FeedbackSubmitted.v1")]
    for holder in (OTHER_OPISTO, REGION):
        assert (await client.post(by_holder[holder], data={"dimensions_v1-health": "7"})).status_code == 200


def _plain(page: httpx.Response) -> str:
    return re.sub(r"nonce=\S+", "", page.text)


@pytest.mark.asyncio
async def test_other_answers_sent_right_after_the_first_are_told_that_the_form_was_used(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    """The thanks come when the answers are in: until then the second event would be a conflict of the first."""
    await door.context(issued())
    path = await path_of_form(client)
    door.applies = False
    before = len(door.written)
    sending = asyncio.create_task(client.post(path, data={"dimensions_v1-health": "7"}))
    while len(door.written) == before:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert not sending.done()
    await door.catch_up()
    assert (await sending).status_code == 200
    assert (await client.post(path, data={"dimensions_v1-health": "1"})).status_code == 410
    said = [one["data"] for one in door.on("intake.http") if one["ce_type"].endswith("FeedbackSubmitted.v1")]
    assert [one["answers"] for one in said] == [{"health": 7}]


@pytest.mark.asyncio
async def test_a_double_post_is_one_event(
    door: FeedbackDoor, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "_APPLIED_WITHIN", 0.05)
    await door.context(issued())
    path = await path_of_form(client)
    door.applies = False
    for _ in range(2):
        assert (await client.post(path, data={"dimensions_v1-health": "7"})).status_code == 200
    ids = [one["ce_id"] for one in door.on("intake.http") if one["ce_type"].endswith("FeedbackSubmitted.v1")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


@pytest.mark.asyncio
async def test_after_the_activity_both_instruments_are_sent_and_the_change_is_told(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    await door.context(issued(), reserved(), completed())
    await client.post(await path_of_form(client), data={"dimensions_v1-health": "4"})
    answers = {"dimensions_v1-health": "6", "experience_v1-satisfaction": "5", "respondent": "participant"}
    assert (await client.post(await path_of_form(client, "after"), data=answers)).status_code == 200
    sent = [one["data"] for one in door.on("intake.http") if one["ce_type"].endswith("FeedbackSubmitted.v1")]
    assert [(one["phase"], one["instrument"], one["answers"]) for one in sent] == [
        ("before", "dimensions_v1", {"health": 4}),
        ("after", "dimensions_v1", {"health": 6}),
        ("after", "experience_v1", {"satisfaction": 5}),
    ]
    told = door.on("feedback.events")
    assert [one["ce_type"].split(".")[2] for one in told] == [
        "FeedbackRequested",
        "FeedbackRequested",
        "FeedbackTaken",
        "FeedbackTaken",
        "OutcomeMeasured",
        "FeedbackTaken",
    ]
    assert told[-2]["data"]["change"] == {"health": 2}


@pytest.mark.asyncio
async def test_a_carer_answers_as_a_carer(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    await client.post(await path_of_form(client), data={"dimensions_v1-health": "4", "respondent": "carer"})
    assert door.on("intake.http")[-1]["data"]["respondent"] == "carer"


@pytest.mark.asyncio
async def test_what_follows_from_a_synthetic_referral_is_synthetic(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    await door.context(issued(synthetic=True))
    await client.post(await path_of_form(client), data={"dimensions_v1-health": "4"})
    assert [one["ce_synthetic"] for one in door.on("intake.http")] == ["true", "true"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wrong", ["11", "-1", "7.5", "٧", "07", "seitsemän", "131052-308T", "<script>alert(1)</script>", " 7"]
)
async def test_what_the_form_does_not_offer_is_refused_and_never_repeated(
    door: FeedbackDoor, client: httpx.AsyncClient, wrong: str
) -> None:
    await door.context(issued())
    path = await path_of_form(client)
    answers = {"dimensions_v1-health": wrong, "dimensions_v1-friends": "8", "dimensions_v1-family": ""}
    response = await client.post(path, params={"lang": "en"}, data=answers)
    assert response.status_code == 422
    page = PageRead(response.text)
    assert response.text.count("Error: ") == 2
    links = [one["href"] for one in page.all("a") if one["href"].startswith("#dimensions")]
    assert links == ["#dimensions_v1-health-0"]
    assert links[0][1:] in page.values("id")
    checked = {one["id"] for one in page.all("input") if "checked" in one}
    assert checked == {"dimensions_v1-friends-8", "dimensions_v1-family-none", "respondent-participant"}
    assert wrong in {" 7", "07", "11", "-1", "7.5"} or wrong not in response.text
    assert len(door.on("intake.http")) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("answers", ["", "dimensions_v1-health=", "name=Aino", "experience_v1-recommend=9"])
async def test_at_least_one_answer_is_needed(door: FeedbackDoor, client: httpx.AsyncClient, answers: str) -> None:
    await door.context(issued())
    response = await client.post(await path_of_form(client), content=answers, headers=FORM_TYPE)
    assert response.status_code == 422
    assert 'href="#dimensions_v1-health-0"' in response.text
    assert "Aino" not in response.text
    assert len(door.on("intake.http")) == 1


@pytest.mark.asyncio
async def test_who_answers_is_one_of_two(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    response = await client.post(await path_of_form(client), data={"dimensions_v1-health": "4", "respondent": "opisto"})
    assert response.status_code == 422
    assert 'href="#respondent-participant"' in response.text


@pytest.mark.asyncio
async def test_a_body_that_is_no_form_or_too_large_is_not_read(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    path = await path_of_form(client)
    assert (await client.post(path, json={"health": 3})).status_code == 415
    packed = await client.post(path, data={"respondent": "participant"}, headers={"content-encoding": "gzip"})
    assert (packed.status_code, packed.headers.get("accept-encoding")) == (415, "identity")
    large = await client.post(path, content=b"a=" + b"b" * form.MAX_FORM_BYTES, headers=FORM_TYPE)
    assert large.status_code == 413
    many = await client.post(path, content="&".join(f"a{n}=1" for n in range(99)), headers=FORM_TYPE)
    assert many.status_code == 400
    assert (await client.get(path)).status_code == 200


@pytest.mark.asyncio
async def test_without_kafka_the_answers_stay_on_the_page(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued())
    path = await path_of_form(client)
    door.down = True
    response = await client.post(path, data={"dimensions_v1-health": "4"}, headers={"accept-language": "sv"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "Svaren kunde inte sparas just nu" in response.text
    assert "dimensions_v1-health-4" in {one["id"] for one in PageRead(response.text).all("input") if "checked" in one}
    door.down = False
    assert (await client.post(path, data={"dimensions_v1-health": "4"})).status_code == 200


@pytest.mark.asyncio
async def test_a_link_that_is_unknown_expired_or_erased_says_so_in_three_languages(
    door: FeedbackDoor, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = await client.get("/f/" + "x" * 43, headers={"accept-language": "en"})
    assert unknown.status_code == 404
    assert [one["lang"] for one in PageRead(unknown.text).all("section")] == ["en", "fi", "sv"]
    assert (await client.post("/f/" + "x" * 43, data={"dimensions_v1-health": "4"})).status_code == 404
    await door.context(issued())
    path = await path_of_form(client)
    monkeypatch.setattr(form, "real_now", lambda: real_now() + timedelta(days=31))
    expired = await client.get(path)
    assert expired.status_code == 410
    assert "vanhentunut" in expired.text
    monkeypatch.undo()
    await door.context(erased())
    assert (await client.get(path)).status_code == 404


# --- reports


def _referrals(count: int) -> list[str]:
    return [str(UUID(int=UUID(REFERRAL).int ^ number << 96)) for number in range(count)]


async def _told(client: httpx.AsyncClient, report: str, holder: str = "ops:anna", **filters: str) -> dict[str, Any]:
    response = await client.get(f"/v1/reports/{report}", params=filters, headers=key_of(holder))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def _answered(door: FeedbackDoor, count: int, **how: Any) -> None:
    for number, referral in enumerate(_referrals(count)):
        before = answered({"health": 3}, referral=referral, id_=f"before-{number}")
        after = answered({"health": 5}, referral=referral, phase="after", day=60, id_=f"after-{number}")
        await door.context(issued(referral=referral, **how), before, after)


@pytest.mark.asyncio
@pytest.mark.parametrize(("count", "n"), [(4, "<5"), (5, 5)])
async def test_outcomes_are_shown_for_five_or_more(
    door: FeedbackDoor, client: httpx.AsyncClient, count: int, n: object
) -> None:
    await _answered(door, count)
    report = await _told(client, "outcomes", **{"from": "2026-Q3", "to": "2026-Q3"})
    assert report["participants"]["dimensions_v1"]["health"]["n"] == n
    assert report["participants"]["dimensions_v1"].keys() == INSTRUMENTS["dimensions_v1"].keys()


@pytest.mark.asyncio
async def test_a_region_reads_its_own_reports(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await _answered(door, 5)
    assert (await _told(client, "loop", REGION))["issued"] == 5
    assert (await _told(client, "loop", REGION, region="06"))["issued"] == 5
    assert (await _told(client, "loop", "/region/07"))["issued"] == 0
    assert (await _told(client, "outcomes", "/region/07"))["region"] == "07"
    for report in ("loop", "outcomes"):
        other = await client.get(f"/v1/reports/{report}?region=06", headers=key_of("/region/07"))
        assert other.status_code == 403
        assert (await client.get(f"/v1/reports/{report}", headers=key_of(OPISTO))).status_code == 403
        assert (await client.get(f"/v1/reports/{report}")).status_code == 401
    assert (await _told(client, "loop", "reader:eero", region="06", municipality="908"))["issued"] == 5


@pytest.mark.asyncio
async def test_the_loop_is_compared_by_route_and_one_row_of_it_alone(
    door: FeedbackDoor, client: httpx.AsyncClient
) -> None:
    await _answered(door, 5)
    report = await _told(client, "loop", REGION, by="age_band")
    assert report["issued"] == 5
    [band] = [row for row in report["by"]["rows"] if row["value"] == "65-74"]
    assert (band["issued"], band["open"]) == ({"n": 5}, {"n": 5})
    assert report["by"]["rest"]["issued"] == 0
    alone = (await _told(client, "loop", REGION, by="route", only="not_stated"))["by"]
    assert [row["value"] for row in alone["rows"]] == ["not_stated"]
    assert "rest" not in alone


@pytest.mark.asyncio
async def test_a_units_figures_are_for_its_region_and_ops_alone(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await _answered(door, 5)
    for who, values in ((REGION, ["/region/06 u1"]), ("ops:anna", ["/region/06 u1"]), ("/region/07", [])):
        assert [row["value"] for row in (await _told(client, "loop", who, by="unit"))["by"]["rows"]] == values
    refused = await client.get("/v1/reports/loop?by=unit", headers=key_of("reader:eero"))
    assert refused.status_code == 403
    assert (await client.get("/v1/reports/loop?by=route", headers=key_of("reader:eero"))).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("by=name", "/by"),
        ("only=outreach", "/only"),
        ("by=route&only=bus", "/only"),
        ("by=route&municipality=908", "/municipality"),
        ("by=route&from=2026-Q2", "/from"),
        ("by=route&from=2026-Q1&to=2026-Q3", "/to"),
    ],
)
async def test_rows_are_of_whole_years_and_regions(client: httpx.AsyncClient, query: str, where: str) -> None:
    refused = await client.get(f"/v1/reports/loop?{query}", headers=key_of("ops:anna"))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["path"] == where


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("from=2026", "quarter"),
        ("to=2026-Q5", "quarter"),
        ("from=2026-Q3&to=2026-Q1", "after"),
        ("region=91", "region"),
        ("municipality=999", "municipality"),
    ],
)
async def test_a_filter_that_cannot_be_is_told(client: httpx.AsyncClient, query: str, word: str) -> None:
    for report in ("loop", "outcomes"):
        response = await client.get(f"/v1/reports/{report}?{query}", headers=key_of("ops:anna"))
        assert response.status_code == 422
        assert word in response.json()["detail"]


@pytest.mark.asyncio
async def test_reports_read_page_by_page_and_know_no_synthetic_referral(
    door: FeedbackDoor, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_PAGE", 2)
    await _answered(door, 5)
    await door.context(issued(synthetic=True))
    assert (await _told(client, "loop"))["issued"] == 5
    assert (await _told(client, "outcomes"))["participants"]["dimensions_v1"]["health"]["n"] == 5


@pytest.mark.asyncio
async def test_an_erased_referral_is_counted_by_what_is_left(door: FeedbackDoor, client: httpx.AsyncClient) -> None:
    await door.context(issued(), answered(), erased())
    report = await _told(client, "loop", **{"from": "2026-Q3", "to": "2026-Q3"})
    assert (report["issued"], report["withdrawn"]) == (1, 1)
    assert (await _told(client, "outcomes"))["participants"]["dimensions_v1"]["health"]["n"] == "<5"


def test_the_outcome_of_feedback_is_kept_at_its_referral() -> None:
    assert handlers.table().locate(REGION, "FeedbackSubmitted", REFERRAL) == ("feedback", REFERRAL)
    assert handlers.table().locate(REGION, "ReferralIssued", REFERRAL) is None
