"""Municipalities, associations and libraries refer by the routes that the client's region allows; whoever issued a
referral is its issuer, in every service, and the services of this test are the real ones."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referral.model import LatestIssue, Referral
from services.referral.referrers import RegionsReferrers, referrers_allowed, refusal
from shared.contracts.registry import CLASSES
from tests.unit import facts
from tests.unit.country import Country, Sent, an_event, country
from tests.unit.doors import ASSOCIATION, LIBRARY, MUNICIPALITY, OPISTO, PIRKANMAA, REGION, door, key, referral
from tests.unit.facts import a_referral, at

SERVICES: Final = ("referral", "catalogue", "feedback", "notify", "monitor")
OTHER_LIBRARY: Final = "/library/sello"
ROUTES: Final = ("self", "outreach", "library", "lifestyle_guidance")


@asynccontextmanager
async def a_country(folder: Path) -> AsyncIterator[Country]:
    async with country(folder, SERVICES) as one:
        yield one


def allows(*referrers: tuple[str, Sequence[str]], region: str = PIRKANMAA) -> Sent:
    """The region's word."""
    named = [{"who": who, "routes": routes} for who, routes in referrers]
    said = {"region": region.rpartition("/")[2], "referrers": named}
    return an_event("ReferrersAllowed", "", region, **said)


def issued(id_: str, source: str = LIBRARY, route: str = "library", **changes: Any) -> Sent:
    return an_event("ReferralIssued", id_, source, route=route, **changes)


async def asks(one: Country, service: str, path: str, who: str, **how: Any) -> httpx.Response:
    return await one.doors[service].client.request(how.pop("method", "GET"), path, headers=key(who), **how)


async def feed(one: Country, who: str) -> list[dict[str, Any]]:
    """What a partner reads, but of the needs of its own activities."""
    entries = (await asks(one, "notify", "/v1/feed", who)).json()["events"]
    return [entry for entry in entries if "NeedsSuggested" not in entry["type"]]


async def told(one: Country, who: str) -> list[str]:
    """The extracts in a feed, in order."""
    return [entry["dataschema"].split(":")[2] for entry in await feed(one, who)]


async def kept(one: Country, id_: str) -> dict[str, bool]:
    """Which services keep anything of a referral."""
    where = {"catalogue": "matches", "feedback": "feedback", "notify": "referrals"}
    return {service: bool(await one.doors[service].store.load(name, [id_])) for service, name in where.items()}


# --- the road


@pytest.mark.asyncio
async def test_what_a_library_issues_goes_the_whole_road(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(allows(("library", ["library"])), an_event("ActivityPublished", id_))
        sent = issued(id_)
        await one.send(sent, an_event("ActivityChosen", id_, LIBRARY))
        proposed = await asks(one, "catalogue", f"/v1/referrals/{id_}/proposals", LIBRARY)
        assert [one["organiser"] for one in proposed.json()["proposals"]] == [OPISTO]
        await one.send(an_event("ActivityAttended", id_))
        now = (await asks(one, "referral", f"/v1/referrals/{id_}", LIBRARY)).json()
        assert (now["status"], now["place"]["organiser"]) == ("completed", OPISTO)
        link = await asks(
            one, "feedback", f"/v1/referrals/{id_}/form-links", LIBRARY, method="POST", json={"phase": "before"}
        )
        assert link.status_code == 201
        assert {*await told(one, LIBRARY)} == {
            *("ReferralOpenedToIssuer", "ActivitiesProposedToIssuer", "PlaceReservedToIssuer"),
            *("FeedbackRequestedToIssuer", "ReferralCompletedToIssuer"),
        }
        opened = (await feed(one, LIBRARY))[0]["data"]
        assert (opened["issuer"], opened["region"]) == (LIBRARY, "08")
        assert await told(one, OPISTO) == ["PlaceReservedToOrganiser"]
        assert await feed(one, PIRKANMAA) == await feed(one, REGION) == []
        assert one.letters == []
        await one.is_true(sent, "applied")


@pytest.mark.asyncio
async def test_who_did_not_issue_it_reads_nothing_of_it_and_the_region_counts_it(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(allows(("library", ["library"])), issued(id_))
        for who in (PIRKANMAA, REGION, MUNICIPALITY, ASSOCIATION):
            for service, what in (("referral", ""), ("referral", "/accesses"), ("catalogue", "/proposals")):
                assert (await asks(one, service, f"/v1/referrals/{id_}{what}", who)).status_code == 404
        for region, issued_there in ((PIRKANMAA, 1), (REGION, 0)):
            report = (await asks(one, "feedback", "/v1/reports/loop", region)).json()
            assert report["issued"] == issued_there


@pytest.mark.asyncio
async def test_a_municipality_that_issues_and_organises_reads_both_and_nothing_is_disclosed(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        published = an_event("ActivityPublished", id_, MUNICIPALITY)
        await one.send(allows((MUNICIPALITY, ["outreach"])), published, issued(id_, MUNICIPALITY, "outreach"))
        await one.send(an_event("ActivityChosen", id_, MUNICIPALITY, organiser=MUNICIPALITY))
        await one.send(an_event("ActivityAttended", id_, MUNICIPALITY))
        read = await told(one, MUNICIPALITY)
        assert {name for name in read if name.startswith("Place")} == {
            *("PlaceReservedToIssuer", "PlaceReservedToOrganiser"),
        }
        assert "ReferralCompletedToIssuer" in read
        said = {entry["dataschema"].split(":")[2]: entry["data"] for entry in await feed(one, MUNICIPALITY)}
        assert said["PlaceReservedToIssuer"]["organiser"] == MUNICIPALITY
        assert said["PlaceReservedToOrganiser"]["languages"] == ["fi"]
        looks = (await asks(one, "referral", f"/v1/referrals/{id_}/accesses", MUNICIPALITY)).json()["accesses"]
        assert [look for look in looks if look["action"] == "disclosed"] == []
        assert one.letters == []


@pytest.mark.asyncio
async def test_what_an_organiser_is_told_of_a_librarys_referral_is_a_disclosure(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(allows(("library", ["library"])), an_event("ActivityPublished", id_), issued(id_))
        await one.send(an_event("ActivityChosen", id_, LIBRARY))
        looks = (await asks(one, "referral", f"/v1/referrals/{id_}/accesses", LIBRARY)).json()["accesses"]
        assert {look["who"] for look in looks if look["action"] == "disclosed"} == {OPISTO}


# --- what is not allowed


@pytest.mark.asyncio
async def test_what_is_not_allowed_is_told_to_its_sender_and_leaves_nothing_anywhere_else(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(an_event("ActivityPublished", id_), allows(("library", ["self"]), ("association", ["library"])))
        sent = issued(id_)
        await one.send(sent)
        await one.is_true(sent, "dead_lettered")
        (letter,) = one.letters
        assert dict(letter.headers)["dl_service"] == b"referral"
        (entry,) = await feed(one, LIBRARY)
        (why,) = entry["data"]["errors"]
        assert why == (
            "/region/08, where the client lives, lets /library/metso refer by self, not by library: once it allows that "
            "(ReferrersAllowed), ops can send the event again"
        )
        assert await kept(one, id_) == dict.fromkeys(("catalogue", "feedback", "notify"), False)
        assert await feed(one, OPISTO) == await feed(one, PIRKANMAA) == []


@pytest.mark.asyncio
async def test_what_is_allowed_later_goes_its_road_once_it_is_sent_again(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        sent = issued(id_)
        await one.send(an_event("ActivityPublished", id_), sent)
        await one.send(allows((LIBRARY, ["library"])))
        await one.is_true(sent, "dead_lettered")
        await one.redrive()
        assert await one.fate(sent.id, LIBRARY) == "applied"
        assert (await told(one, LIBRARY))[1:] == ["ReferralOpenedToIssuer", "ActivitiesProposedToIssuer"]
        assert one.letters == []


@pytest.mark.asyncio
async def test_an_allowance_that_is_taken_back_leaves_open_referrals_alone(tmp_path: Path) -> None:
    id_, later, elsewhere = str(uuid4()), str(uuid4()), str(uuid4())
    async with a_country(tmp_path) as one:
        before = allows(("library", ["library"]))._replace(minutes_ago=1)
        await one.send(before, an_event("ActivityPublished", id_), issued(id_), allows())
        again = issued(id_, needs={"friends": 2})
        await one.send(again, an_event("ActivityChosen", id_, LIBRARY))
        await one.is_true(again, "applied")
        now = (await asks(one, "referral", f"/v1/referrals/{id_}", LIBRARY)).json()
        assert now["place"]["organiser"] == OPISTO
        for refused in (issued(later), issued(id_, municipality="091"), issued(elsewhere, municipality="035")):
            await one.send(refused)
            await one.is_true(refused, "dead_lettered")


@pytest.mark.asyncio
async def test_a_synthetic_word_rules_tests_alone(tmp_path: Path) -> None:
    tests, real = str(uuid4()), str(uuid4())
    async with a_country(tmp_path) as one:
        await synthetic(one, allows(("library", ["library"])))
        await synthetic(one, issued(tests))
        assert (await asks(one, "referral", f"/v1/referrals/{tests}", LIBRARY)).status_code == 200
        await one.send(issued(real))
        assert (await asks(one, "referral", f"/v1/referrals/{real}", LIBRARY)).status_code == 404


async def synthetic(one: Country, sent: Sent) -> None:
    await one.write(sent, json.dumps(sent.data).encode(), [*sent.headers, ("ce_synthetic", b"true")])


# --- the end of it


@pytest.mark.asyncio
async def test_withdrawn_consent_erases_what_a_library_issued_and_its_region_still_counts_it(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(allows(("library", ["library"])), an_event("ActivityPublished", id_), issued(id_))
        await one.send(an_event("ActivityChosen", id_, LIBRARY))
        await one.send(an_event("ReferralWithdrawn", id_, LIBRARY, reason="consent_withdrawn"))
        assert await told(one, LIBRARY) == ["ReferralErasedToIssuer", "ReferralClosedToIssuer"]
        assert (await feed(one, LIBRARY))[0]["data"] == {
            "referral_id": id_,
            "issuer": LIBRARY,
            "log_kept_days": 30,
            "audit": "own_term",
        }
        assert await told(one, OPISTO) == ["PlaceReleasedToOrganiser"]
        report = (await asks(one, "feedback", "/v1/reports/loop", PIRKANMAA)).json()
        assert (report["issued"], report["erased"], report["withdrawn"]) == (1, 1, 1)
        again = issued(id_)
        await one.send(again)
        assert [entry["data"]["errors"][0][:11] for entry in (await feed(one, LIBRARY))[2:]] == ["the consent"]


@pytest.mark.asyncio
async def test_consent_that_a_library_withdrew_first_erases_what_it_issues_allowed_or_not(tmp_path: Path) -> None:
    async with a_country(tmp_path) as one:
        for word in (allows(), allows(("library", ["library"]))):
            id_ = str(uuid4())
            await one.send(word, an_event("ReferralWithdrawn", id_, LIBRARY, reason="consent_withdrawn"), issued(id_))
            now = (await asks(one, "referral", f"/v1/referrals/{id_}", LIBRARY)).json()
            assert (now["status"], now["referral_code"]) == ("withdrawn", None)


@pytest.mark.asyncio
async def test_two_libraries_of_one_referral_answer_each_for_itself(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(allows(("library", ["library"])), an_event("ActivityPublished", id_, OTHER_LIBRARY), issued(id_))
        early = an_event("FeedbackSubmitted", id_, OTHER_LIBRARY, respondent="library")
        await one.send(early)
        assert await one.fate(early.id, OTHER_LIBRARY) == "waiting"
        await one.send(an_event("ActivityChosen", id_, LIBRARY, organiser=OTHER_LIBRARY))
        own = an_event("FeedbackSubmitted", id_, LIBRARY, respondent="library", answers={"satisfaction": 5})
        strangers = an_event("FeedbackSubmitted", id_, ASSOCIATION, respondent="association")
        await one.send(own, strangers)
        assert await one.fate(early.id, OTHER_LIBRARY) == await one.fate(own.id, LIBRARY) == "applied"
        assert await one.fate(strangers.id, ASSOCIATION) == "waiting"
        (row,) = (await one.doors["feedback"].store.load("feedback", [id_])).values()
        answers = json.loads(row.body)["state"]["answers"]
        assert {one["source"]: one["answers"]["satisfaction"] for one in answers} == {OTHER_LIBRARY: 3, LIBRARY: 5}


# --- at the doors


@pytest.mark.asyncio
async def test_who_is_no_region_says_by_which_route_and_only_by_its_own(tmp_path: Path) -> None:
    async with door("referral", tmp_path) as one:
        for who in (LIBRARY, MUNICIPALITY, ASSOCIATION):
            for route in ROUTES:
                assert (await one.send(referral(who, route=route), who)).status_code == 202
            for said in ({"route": "clinic"}, {"route": "service_guidance"}, {"route": "other"}, {}):
                answer = await one.send(referral(who, **said), who)
                assert answer.status_code == 422
                (error,) = answer.json()["errors"]
                assert error["path"] == "/data/route"
                assert error["message"].endswith("refers by one of self, outreach, library, lifestyle_guidance")
        assert (await one.send(referral(REGION), REGION)).status_code == 202
        assert (await one.send(referral(REGION, route="self"), REGION)).status_code == 202
        assert (await one.send(referral(OPISTO, route="self"), OPISTO)).status_code == 403


@pytest.mark.asyncio
async def test_a_region_speaks_for_itself_and_names_whom_there_is(tmp_path: Path) -> None:
    async with door("referral", tmp_path) as one:
        for who, region, referrer, status in (
            *((REGION, "06", "library", 202), (REGION, "06", MUNICIPALITY, 202), (REGION, "08", "library", 422)),
            *((REGION, "06", "opisto", 422), (REGION, "06", "/opisto/tampere", 422), (REGION, "06", "library/x", 422)),
            *(
                (REGION, "06", "/municipality/000", 422),
                (LIBRARY, "06", "library", 403),
                (OPISTO, "06", "library", 403),
            ),
        ):
            said = {"region": region, "referrers": [{"who": referrer, "routes": ["self"]}]}
            event = referral(who) | {"type": CLASSES["ReferrersAllowed"].type, "data": said}
            assert (await one.send(event, who)).status_code == status, (who, region, referrer)


@pytest.mark.asyncio
async def test_an_association_that_sends_for_an_opisto_is_refused_and_kept(tmp_path: Path) -> None:
    id_ = str(uuid4())
    async with a_country(tmp_path) as one:
        await one.send(
            an_event("ReferralIssued", id_), an_event("ActivityPublished", id_), an_event("ActivityChosen", id_)
        )
        forged = an_event("ActivityAttended", id_)
        await one.send(forged, by=ASSOCIATION)
        (letter,) = one.letters
        assert dict(letter.headers)["dl_reason"] == b"forged_sender"
        await one.is_true(forged._replace(source=ASSOCIATION), "dead_lettered")
        now = (await asks(one, "referral", f"/v1/referrals/{id_}", REGION)).json()
        assert now["session_counts"]["attended"] == 0
    async with door("referral", tmp_path) as one_door:
        event = referral(OPISTO) | {"type": CLASSES["ActivityAttended"].type, "data": forged.data}
        answer = await one_door.send(event, ASSOCIATION)
        assert (answer.status_code, answer.json()["detail"][:7]) == (403, "/source")


# --- the word of a region


WORDS: Final = [
    facts.allowed(1, "library", ["self"]),
    facts.allowed(2, "library", ["library", "outreach"]),
    facts.allowed(2, LIBRARY, ["self"], name="ZZ"),
    facts.allowed(9, "association", ["outreach"], synthetic=True),
    facts.allowed(3, MUNICIPALITY, ["self"], synthetic=True),
]


def known(words: Sequence[Any]) -> RegionsReferrers | None:
    state: RegionsReferrers | None = None
    for word in words:
        state = referrers_allowed(state, word, at(10), None).state
    return state


@given(st.permutations([*WORDS, *WORDS]))
def test_of_a_regions_words_the_latest_holds_in_any_order_and_however_often(words: list[Any]) -> None:
    state = known(words)
    assert state is not None
    assert state.word is not None
    assert state.of_tests is not None
    assert (state.word.routes, state.of_tests.routes) == ({LIBRARY: ("self",)}, {"association": ("outreach",)})


def test_what_is_said_of_a_kind_and_of_one_of_it_counts_together() -> None:
    said = {
        "referrers": [
            {"who": "library", "routes": ["self"]},
            {"who": LIBRARY, "routes": ["outreach"]},
            {"who": "library", "routes": ["library"]},
        ]
    }
    word = facts.allowed(1)
    data = type(word.data).model_validate({"region": "08", **said}, strict=False)
    state = referrers_allowed(None, facts.event(data, 1, PIRKANMAA), at(1), None).state
    for source, routes in ((LIBRARY, {"self", "outreach", "library"}), (OTHER_LIBRARY, {"self", "library"})):
        events = {route: facts.issued(2, source=source, route=route) for route in ROUTES}
        passing = {route for route, event in events.items() if refusal(Referral(a_referral()), event, state) is None}
        assert passing == routes


def test_a_librarys_open_referral_goes_on_for_the_library_alone() -> None:
    opened = Referral(a_referral(), issued=LatestIssue(at(0), "i", LIBRARY, feedback=True, municipality="837"))
    assert refusal(opened, facts.issued(2, source=LIBRARY, route="library"), None) is None
    assert refusal(opened, facts.issued(2, source=OTHER_LIBRARY, route="library"), None) is not None
    assert refusal(opened, facts.issued(2, source=REGION), None) is None
