"""What the services are asked: each address as it is meant, with one thing wrong at a time, and what only one address has."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx

from shared.contracts.referral_code import code_of
from shared.contracts.registry import CLASSES
from tests.unit.doors import BATCH, EVENT, HOLDERS, OPISTO, REGION, key, referral

Address = tuple[str, str]
"""Method and path; where several services answer it, each is asked."""
NONE: Final = "5b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
REHEARSED: Final = {"key": None, "value": "e30=", "headers": [["ce_id", "YTFiMg=="], ["ce_time", None]]}
WHY: Final = {"why": "it was sent anew"}
EDIT: Final = {
    "data": {"referral_id": NONE, "reason": "moved"},
    "why": "its system names the class wrongly",
    "type": CLASSES["ReferralWithdrawn"].type,
    "time": "2026-09-01T11:00:00+03:00",
}
AGREEMENT: Final = "/v1/agreements/{referrer_kind}/{referrer}/{organiser_kind}/{organiser}/{agreement_id}"
FORM: Final = "application/x-www-form-urlencoded"
KIND_OF: Final = {holder: re.split("[/:]", holder.removeprefix("/"))[0] for holder in HOLDERS}


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    who: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, method: str) -> httpx.Request:
        content = self.body if self.body is None or isinstance(self.body, bytes) else None
        headers = {**(key(self.who) if self.who else {}), "content-type": self.kind, **self.headers}
        json = self.body if content is None else None
        sent = httpx.Request(method, f"http://door{self.path}", params=self.query, content=content, json=json)
        sent.headers.update(headers)
        return sent


def meant(known: Mapping[str, str]) -> dict[Address, list[Ask]]:
    """Each address as it is to be asked, once or in several ways."""
    held, letters = f"/v1/referrals/{known['held']}", "/v1/dead-letters"
    event = {"source": OPISTO, "id": known["event"]}
    classes = ("ActivityAttended", "ActivityPublished", "FeedbackSubmitted", "PartnerRegistered")
    asked = [{**event, "type": name, "subject": known["held"]} for name in classes]
    one = referral()
    binary = {f"ce-{name}": str(one[name]) for name in ("specversion", "id", "source", "type", "time")}
    form = f"/f/{known['shown']}"
    reports = [Ask("/v1/reports/", "ops:anna"), Ask("/v1/reports/", REGION, {"from": "2026-Q1", "to": "2026-Q4"})]
    return {
        ("GET", "/health/live"): [Ask("/health/live")],
        ("GET", "/health/ready"): [Ask("/health/ready")],
        ("GET", "/metrics"): [Ask("/metrics")],
        ("GET", "/openapi.json"): [Ask("/openapi.json")],
        ("POST", "/v1/outcomes"): [Ask("/v1/outcomes", "service:monitor", body={"events": asked})],
        ("POST", "/v1/events"): [
            Ask("/v1/events", REGION, body=one, kind=EVENT),
            Ask("/v1/events", REGION, body=[referral(), referral()], kind=BATCH),
            Ask("/v1/events", REGION, body=one["data"], headers=binary),
        ],
        ("GET", "/v1/referrals/{referral_id}"): [Ask(held, REGION), Ask(f"/v1/referrals/{known['erased']}", REGION)],
        ("GET", "/v1/referrals/{referral_id}/accesses"): [Ask(f"{held}/accesses", REGION, {"limit": "1"})],
        ("GET", "/v1/codes/{code}"): [Ask(f"/v1/codes/{known['code']}", OPISTO)],
        ("GET", "/v1/groups/{group_id}"): [Ask(f"/v1/groups/{known['of_unit']}", who) for who in (REGION, OPISTO)],
        ("GET", "/v1/activities"): [
            Ask("/v1/activities"),
            Ask("/v1/activities", query={"format": "in_person", "theme": "singing", "free": "true", "per_page": "1"}),
        ],
        ("GET", "/v1/activities/{kind}/{organiser}/{activity_id}"): [
            Ask(f"/v1/activities{OPISTO}/{known['activity']}")
        ],
        ("GET", "/v1/vouchers/{kind}/{id}/{year}"): [Ask(f"/v1/vouchers{OPISTO}/2026", OPISTO)],
        ("GET", "/v1/kaikukortti/{kind}/{id}"): [Ask(f"/v1/kaikukortti{OPISTO}", "reader:eero", {"limit": "1"})],
        ("GET", "/v1/referrals/{referral_id}/proposals"): [
            Ask(f"{held}/proposals", REGION),
            Ask(f"/v1/referrals/{known['unasked']}/proposals", "ops:anna"),
        ],
        ("POST", "/v1/referrals/{referral_id}/form-links"): [
            Ask(f"{held}/form-links", REGION, body={"phase": "after"})
        ],
        ("GET", "/f/accessibility"): [Ask("/f/accessibility", query={"lang": "sv"})],
        ("GET", "/f/{token}"): [Ask(form)],
        ("POST", "/f/{token}"): [
            Ask(form, body=b"who5-q1=9", kind=FORM),
            Ask(f"/f/{known['used']}", body=b"dimensions_v1-friends=4", kind=FORM),
        ],
        ("GET", "/v1/reports/outcomes"): [replace(ask, path=f"{ask.path}outcomes") for ask in reports],
        ("GET", "/v1/reports/loop"): [
            *(replace(ask, path=f"{ask.path}loop") for ask in reports),
            Ask("/v1/reports/loop", REGION, {"by": "route"}),
            Ask("/v1/reports/loop", "ops:anna", {"by": "theme", "only": "singing"}),
        ],
        ("GET", "/v1/feed"): [Ask("/v1/feed", REGION), Ask("/v1/feed", OPISTO)],
        ("GET", "/v1/deliveries"): [
            Ask("/v1/deliveries", REGION),
            Ask("/v1/deliveries", "ops:anna", {"referral_id": known["held"]}),
        ],
        ("GET", "/v1/traces/{asked}"): [Ask(f"/v1/traces/{known['held']}", "ops:anna")],
        ("GET", "/v1/found"): [
            Ask("/v1/found", "reader:eero", {"q": word})
            for word in (known["code"].lower(), known["event"], known["redriven"], known["activity"])
        ],
        ("POST", "/v1/events/outcomes"): [Ask("/v1/events/outcomes", "reader:eero", body={"events": [event]})],
        ("GET", "/v1/events/{event_id}"): [Ask(f"/v1/events/{known['event']}", OPISTO), Ask("/v1/events/none", REGION)],
        ("GET", "/v1/overdue"): [Ask("/v1/overdue", "reader:eero", {"limit": "1"})],
        ("PUT", "/v1/overdue/{late_id}"): [Ask(f"/v1/overdue/{known['late']}", "ops:anna", body={"owner": "ops:anna"})],
        ("GET", "/v1/readers"): [Ask("/v1/readers", "reader:eero", {"limit": "1"})],
        ("GET", "/v1/senders"): [Ask("/v1/senders", "reader:eero", {"usual": "unknown"})],
        ("GET", "/v1/senders/{kind}/{id}"): [Ask("/v1/senders/region/06", REGION)],
        ("GET", "/v1/senders/{kind}/{id}/violations"): [Ask("/v1/senders/region/06/violations", REGION)],
        ("POST", "/v1/senders/{kind}/{id}/violations/report"): [
            Ask("/v1/senders/region/06/violations/report", "ops:anna")
        ],
        ("GET", "/v1/flow"): [Ask("/v1/flow", "reader:eero", {"state": "flows"})],
        ("GET", "/v1/lag"): [Ask("/v1/lag", "reader:eero")],
        ("GET", "/v1/live"): [Ask("/v1/live", "reader:eero"), Ask("/v1/live", "ops:anna", {"after": "WzAsIiJd"})],
        ("GET", "/v1/audit"): [Ask("/v1/audit", "ops:anna", {"limit": "1"})],
        ("GET", "/v1/checks"): [Ask("/v1/checks", "reader:eero")],
        ("PUT", "/v1/partners/{kind}/{id}"): [Ask("/v1/partners/region/06", REGION, body={"name": "Pirkanmaa"})],
        ("GET", "/v1/partners/{kind}/{id}"): [Ask("/v1/partners/region/06", OPISTO)],
        ("GET", "/v1/agreements"): [Ask("/v1/agreements", OPISTO, {"status": "standing", "limit": "1"})],
        ("GET", AGREEMENT): [Ask(known["agreement"], OPISTO)],
        ("GET", f"{AGREEMENT}/statement"): [Ask(f"{known['agreement']}/statement", REGION, {"month": "2026-10"})],
        ("GET", f"{AGREEMENT}/statement.csv"): [
            Ask(f"{known['agreement']}/statement.csv", "reader:eero", {"month": "2026-10"})
        ],
        ("GET", "/v1/partners"): [Ask("/v1/partners", OPISTO, {"kind": "region", "municipality": "837"})],
        ("GET", "/v1/roles"): [
            Ask("/v1/roles", REGION),
            Ask("/v1/roles", "ops:anna", {"kind": "pair", "owner": OPISTO}),
        ],
        ("GET", "/v1/pairs"): [Ask("/v1/pairs", OPISTO, {"lacking": "true"}), Ask("/v1/pairs", "reader:eero")],
        ("GET", "/v1/seats"): [Ask("/v1/seats", REGION, {"standing": "claimed", "limit": "1"})],
        ("GET", "/v1/improvements"): [Ask("/v1/improvements", OPISTO, {"state": "open", "limit": "1"})],
        ("GET", "/v1/practices"): [Ask("/v1/practices", OPISTO, {"q": "kuoro", "theme": "singing", "limit": "1"})],
        ("GET", "/v1/goals"): [Ask("/v1/goals", OPISTO, {"owner": REGION, "on": "2026-09-01"})],
        ("GET", "/v1/trainings"): [Ask("/v1/trainings", OPISTO, {"organiser": OPISTO})],
        ("GET", "/v1/trainings/{kind}/{organiser}/{training_id}"): [
            Ask(f"/v1/trainings{REGION}/2026-7", who) for who in (REGION, "/region/07")
        ],
        ("GET", "/v1/reports/cooperation"): [Ask("/v1/reports/cooperation", who) for who in (REGION, "ops:anna")],
        ("GET", "/v1/instruments"): [Ask("/v1/instruments", OPISTO)],
        ("GET", "/v1/dead-letters"): [Ask(letters, "ops:anna", {"limit": "1"})],
        ("GET", "/v1/dead-letters.csv"): [Ask(f"{letters}.csv", "ops:anna", {"limit": "1"})],
        ("GET", "/v1/dead-letters/{dl_id}"): [Ask(f"{letters}/{known['redriven']}", "ops:anna")],
        ("GET", "/v1/dead-letters/{dl_id}/original"): [Ask(f"{letters}/{known['redriven']}/original", "ops:anna")],
        ("POST", "/v1/dead-letters/{dl_id}/redrive"): [Ask(f"{letters}/{known['redriven']}/redrive", "ops:anna")],
        ("POST", "/v1/discards"): [Ask("/v1/discards", "ops:anna", body={**WHY, "dl_ids": [known["discarded"]]})],
        ("POST", "/v1/discards/undo"): [
            Ask("/v1/discards/undo", "ops:anna", body={**WHY, "dl_ids": [known["discarded"]]})
        ],
        ("POST", "/v1/dead-letters/{dl_id}/discard"): [
            Ask(f"{letters}/{known['discarded']}/discard", "ops:anna", body=WHY)
        ],
        ("POST", "/v1/dead-letters/{dl_id}/undo-discard"): [
            Ask(f"{letters}/{known['taken_back']}/undo-discard", "ops:anna")
        ],
        ("POST", "/v1/dead-letters/{dl_id}/edit"): [Ask(f"{letters}/editable/edit", "ops:anna", body=EDIT)],
        ("GET", "/v1/dead-letters/{dl_id}/edit"): [Ask(f"{letters}/confirmed/edit", "ops:bert")],
        ("POST", "/v1/dead-letters/{dl_id}/edit/confirm"): [
            Ask(f"{letters}/confirmed/edit/confirm", "ops:bert", body={"edit_id": known["edit of confirmed"]})
        ],
        ("POST", "/v1/dead-letters/{dl_id}/edit/refuse"): [
            Ask(f"{letters}/refused/edit/refuse", "ops:bert", body={"edit_id": known["edit of refused"]})
        ],
        ("GET", "/v1/dead-letter-groups"): [Ask("/v1/dead-letter-groups", "ops:anna")],
        ("POST", "/v1/redrives"): [Ask("/v1/redrives", "ops:anna", body={"why": "mended", "reason": "invalid"})],
        ("POST", "/v1/redrives/dry-run"): [Ask("/v1/redrives/dry-run", "ops:anna", body={"reason": "invalid"})],
        ("POST", "/v1/rehearsals"): [Ask("/v1/rehearsals", "service:monitor", body={"letters": [REHEARSED]})],
        ("GET", "/v1/redrives"): [Ask("/v1/redrives", "ops:anna", {"limit": "1"})],
        ("GET", "/v1/redrives/{redrive_id}"): [Ask(f"/v1/redrives/{known['redrive']}", "ops:anna")],
        ("GET", "/v1/redrives/{redrive_id}/entries"): [Ask(f"/v1/redrives/{known['redrive']}/entries", "ops:anna")],
        ("POST", "/v1/redrives/{redrive_id}/{action}"): [Ask(f"/v1/redrives/{known['redrive']}/cancel", "ops:anna")],
        ("GET", "/v1/dead-letter-groups/{group}"): [Ask(f"/v1/dead-letter-groups/{known['group']}", "ops:anna")],
        ("PUT", "/v1/dead-letter-groups/{group}"): [
            Ask(f"/v1/dead-letter-groups/{known['group']}", "ops:anna", body={"owner": "ops:anna"})
        ],
    }


def of_its_own(known: Mapping[str, str]) -> dict[Address, list[Ask]]:
    """What goes wrong at one address alone, once what is meant was asked."""
    letters, links = "/v1/dead-letters", "/v1/referrals/{}/form-links"
    before = {"phase": "before"}
    return {
        ("GET", "/v1/codes/{code}"): [Ask(f"/v1/codes/{code_of(1)}", OPISTO)],
        ("GET", "/v1/activities/{kind}/{organiser}/{activity_id}"): [Ask(f"/v1/activities{OPISTO}/none")],
        ("GET", "/v1/vouchers/{kind}/{id}/{year}"): [
            Ask(f"/v1/vouchers{OPISTO}/2023", OPISTO),
            Ask("/v1/vouchers/opisto/turku/2026", OPISTO),
        ],
        ("GET", "/v1/kaikukortti/{kind}/{id}"): [Ask("/v1/kaikukortti/opisto/turku", OPISTO)],
        ("POST", "/v1/referrals/{referral_id}/form-links"): [
            Ask(links.format(NONE), REGION, body=before),
            Ask(links.format(known["unasked"]), REGION, body=before),
            Ask(links.format(known["erased"]), REGION, body=before),
        ],
        ("GET", "/f/{token}"): [Ask("/f/none"), Ask(f"/f/{known['used']}")],
        ("POST", "/f/{token}"): [
            Ask("/f/none", body=b"", kind=FORM),
            Ask(f"/f/{known['used']}", body=b"", kind=FORM),
            Ask(f"/f/{known['shown']}", body=b"a=1&" * 61, kind=FORM),
        ],
        ("GET", "/v1/traces/{asked}"): [Ask("/v1/traces/none", "ops:anna")],
        ("GET", "/v1/found"): [Ask("/v1/found", "ops:anna", {"q": "none"}), Ask("/v1/found", "ops:anna")],
        ("GET", "/v1/events/{event_id}"): [
            Ask("/v1/events/none", REGION, {"source": OPISTO}),
            Ask("/v1/events/none", REGION, {"source": "/service/partners"}),
        ],
        ("GET", "/v1/senders/{kind}/{id}"): [
            Ask("/v1/senders/opisto/nobody", "ops:anna"),
            Ask("/v1/senders/region/06", OPISTO),
        ],
        ("GET", "/v1/senders/{kind}/{id}/violations"): [
            Ask("/v1/senders/region/06/violations", OPISTO),
            Ask("/v1/senders/region/00/violations", "ops:anna"),
        ],
        ("POST", "/v1/senders/{kind}/{id}/violations/report"): [
            Ask("/v1/senders/region/00/violations/report", "ops:anna"),
            Ask("/v1/senders/opisto/nobody/violations/report", "ops:anna"),
        ],
        ("PUT", "/v1/overdue/{late_id}"): [Ask(f"/v1/overdue/{NONE}", "ops:anna", body={})],
        ("PUT", "/v1/partners/{kind}/{id}"): [Ask("/v1/partners/nobody/06", "ops:anna", body={"name": "x"})],
        ("GET", "/v1/partners/{kind}/{id}"): [Ask("/v1/partners/nobody/06", OPISTO)],
        ("GET", "/v1/trainings/{kind}/{organiser}/{training_id}"): [Ask("/v1/trainings/opisto/tampere/none", OPISTO)],
        ("GET", "/v1/dead-letters/{dl_id}"): [Ask(f"{letters}/none", "ops:anna")],
        ("GET", "/v1/dead-letters/{dl_id}/original"): [
            Ask(f"{letters}/none/original", "ops:anna"),
            Ask(f"{letters}/{known['unkept']}/original", "ops:anna"),
        ],
        ("POST", "/v1/dead-letters/{dl_id}/redrive"): [
            Ask(f"{letters}/none/redrive", "ops:anna"),
            Ask(f"{letters}/{known['discarded']}/redrive", "ops:anna"),
        ],
        ("POST", "/v1/dead-letters/{dl_id}/discard"): [
            Ask(f"{letters}/none/discard", "ops:anna", body=WHY),
            Ask(f"{letters}/{known['discarded']}/discard", "ops:anna", body=WHY),
        ],
        ("POST", "/v1/dead-letters/{dl_id}/undo-discard"): [
            Ask(f"{letters}/none/undo-discard", "ops:anna"),
            Ask(f"{letters}/{known['redriven']}/undo-discard", "ops:anna"),
        ],
        ("POST", "/v1/dead-letters/{dl_id}/edit"): [
            Ask(f"{letters}/{one}/edit", "ops:anna", body=EDIT) for one in ("none", known["discarded"])
        ],
        ("GET", "/v1/dead-letters/{dl_id}/edit"): [
            Ask(f"{letters}/{one}/edit", "ops:anna") for one in ("none", known["discarded"])
        ],
        ("POST", "/v1/dead-letters/{dl_id}/edit/confirm"): [
            Ask(f"{letters}/{one}/edit/confirm", "ops:anna", body={"edit_id": NONE})
            for one in ("none", known["discarded"])
        ],
        ("POST", "/v1/dead-letters/{dl_id}/edit/refuse"): [
            Ask(f"{letters}/{one}/edit/refuse", "ops:anna", body={"edit_id": NONE})
            for one in ("none", known["discarded"])
        ],
        ("POST", "/v1/discards"): [Ask("/v1/discards", "ops:anna", body={**WHY, "dl_ids": ["none"]})],
        ("POST", "/v1/discards/undo"): [Ask("/v1/discards/undo", "ops:anna", body={**WHY, "dl_ids": ["none"]})],
        ("POST", "/v1/redrives"): [Ask("/v1/redrives", "ops:anna", body={"why": "mended", "dl_ids": ["none"]})],
        ("POST", "/v1/redrives/dry-run"): [Ask("/v1/redrives/dry-run", "ops:anna", body={"dl_ids": ["none"]})],
        ("GET", "/v1/redrives/{redrive_id}"): [Ask("/v1/redrives/none", "ops:anna")],
        ("GET", "/v1/redrives/{redrive_id}/entries"): [Ask("/v1/redrives/none/entries", "ops:anna")],
        ("POST", "/v1/redrives/{redrive_id}/{action}"): [
            Ask("/v1/redrives/none/pause", "ops:anna"),
            Ask(f"/v1/redrives/{known['redrive']}/cancel", "ops:anna"),
        ],
        ("GET", "/v1/dead-letter-groups/{group}"): [Ask("/v1/dead-letter-groups/none", "ops:anna")],
        ("PUT", "/v1/dead-letter-groups/{group}"): [Ask("/v1/dead-letter-groups/none", "ops:anna", body={})],
    }


def with_one_thing_wrong(ask: Ask, said: Mapping[str, Any]) -> Iterator[Ask]:
    yield replace(ask, query={**ask.query, "no_such_parameter": "1"})
    kinds = {kind for one in said["security"] for kind in one["key"]}
    if kinds:
        yield replace(ask, who="")
        yield from (replace(ask, who=holder) for holder, kind in KIND_OF.items() if kind not in kinds)
    if "requestBody" in said:
        yield replace(ask, body=b"{")
        yield replace(ask, headers={**ask.headers, "content-encoding": "gzip"})
        yield replace(ask, headers={**ask.headers, "content-length": "99999999"})
