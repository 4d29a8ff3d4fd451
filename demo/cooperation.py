"""What the demo's partners agree on beside the referrals, by the guidelines that ask for it, and what the platform then says.

Each subject says how many there must be and how many the platform shows: both are printed, and must be the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from demo.flows import GuidelineFlow
from demo.grants import Grants
from demo.look import OPS
from demo.organisers import Organiser
from demo.post import Post
from demo.records import Records
from shared.reference import MUNICIPALITIES, REGIONS

_BEGINS: Final = "2026-09-01"
_PAIRS: Final = 40
_SEATS: Final = 12
_AGREEMENTS: Final = 20
_MONTHS: Final = ("2026-08", "2026-09", "2026-10")
_AGREED: Final[Mapping[str, Any]] = {
    "period": {"starts_on": "2026-08-01", "ends_on": "2027-07-31"},
    "quota": {"of": "places", "amount": 40},
    "price_cents": 2500,
}


@dataclass
class Cooperation:
    """What organisers and regions say to each other."""

    organisers: Sequence[Organiser]
    post: Post
    now: Callable[[], datetime]

    @property
    def _near(self) -> list[tuple[Organiser, str]]:
        """Organisers, each with its region where that refers."""
        found = ((one, f"/region/{MUNICIPALITIES[one.municipalities[0]].region}") for one in self.organisers)
        return [(one, region) for one, region in found if REGIONS[region[-2:]].may_refer]

    @property
    def _records(self) -> Records:
        return Records(self._near, self._say)

    @property
    def _grants(self) -> Grants:
        return Grants(self.organisers, self.post, self._say)

    def begin(self) -> None:
        """Names pairs and seats, on both sides; of one pair in eight the region's side stays unnamed."""
        for number, (one, region) in enumerate(self._near[:_PAIRS]):
            unit = f"unit-{number % 40 + 1}"
            self._names(one.source, f"pair-{number}", "pair", counterpart=region, unit_ref=unit)
            if number % 8:
                self._names(region, f"pair-{number}", "pair", counterpart=one.source, unit_ref=unit)
        for number, (one, region) in enumerate(self._near[:_SEATS]):
            at = {"counterpart": one.source, "host": region, "recognised_only": number % 4 == 0}
            self._names(region, f"seat-{number}", "hyte_seat", **at)
        for number, (one, region) in enumerate(self._near[:_AGREEMENTS]):
            for side in (region, one.source)[: 1 if number % 10 == 9 else 2]:
                self._agrees(side, region, one.source)
        self._records.begin()
        self._grants.begin()

    def _agrees(self, side: str, region: str, organiser: str) -> None:
        parties = {"agreement_id": "syksy", "referrer": region, "organiser": organiser}
        brought = [{"by": organiser, "kind": "premises", "amount": 60_000}]
        said = {**parties, **_AGREED, "contributions": brought}
        self._say(side, "AgreementMade", f"{region}{organiser}/syksy", said)

    def _names(self, source: str, role_id: str, kind: str, **more: Any) -> None:
        title = "client_counsellor" if source.startswith("/region/") else "culture_coordinator"
        self._say(source, "RoleNamed", role_id, {"role_id": role_id, "kind": kind, "title": title, **more})

    def _say(self, source: str, name: str, subject: str, data: Mapping[str, Any]) -> None:
        said = {**data, "begins_on": _BEGINS} if name == "RoleNamed" else dict(data)
        self.post.put(self.post.event(source, name, said, self.now(), subject))

    async def flows(self) -> list[GuidelineFlow]:
        """What each guideline asks for, as meant and as the platform shows it."""
        pairs, seats = len(self._near[:_PAIRS]), len(self._near[:_SEATS])
        agreed = len(self._near[:_AGREEMENTS])
        lacking = len(range(0, pairs, 8))
        only = len(range(0, seats, 4))
        heard = self.post.heard
        return [
            GuidelineFlow("K1", "activities whose organiser heard what they help with", None, heard["NeedsSuggested"]),
            GuidelineFlow("K1", "Mondays on which a region heard what is new", None, heard["OfferChanged"]),
            GuidelineFlow(
                "K2", "seats in wellbeing groups", seats - only, await self._count("seats", standing="seated")
            ),
            GuidelineFlow(
                "K2", "role recognised without a seat", only, await self._count("seats", standing="recognised_only")
            ),
            GuidelineFlow("K3", "weekly statements of units' groups", None, heard["GroupSessionsStated"]),
            GuidelineFlow(
                "K5", "agreements that stand", agreed - agreed // 10, await self._count("agreements", status="standing")
            ),
            GuidelineFlow(
                "K5",
                "agreements that one side proposes",
                agreed // 10,
                await self._count("agreements", status="proposed"),
            ),
            await self._stated(),
            GuidelineFlow("K5", "counterpart pairs", pairs - lacking, await self._count("pairs", lacking="false")),
            GuidelineFlow(
                "K5", "pairs that lack the region's side", lacking, await self._count("pairs", lacking="true")
            ),
            *await self._records.flows(self._count),
            *await self._grants.flows(),
        ]

    async def _stated(self) -> GuidelineFlow:
        """The places that agreements are used by, against what the statements for invoices have of every month."""
        used = stated = 0
        for one, region in self._near[:_AGREEMENTS]:
            path = f"/v1/agreements{region}{one.source}/syksy"
            used += (await self.post.insist("partners", path, OPS)).json()["used"]
            for month in _MONTHS:
                answer = await self.post.insist("partners", f"{path}/statement?month={month}", OPS)
                stated += answer.json()["counted"]
        return GuidelineFlow("K5", "places given by agreements, as stated for invoices", used, stated)

    async def _count(self, what: str, **query: str) -> int:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        answer = await self.post.insist("partners", f"/v1/{what}?limit=200&{asked}", OPS)
        return len(answer.json()[what])
