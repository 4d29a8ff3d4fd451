"""The demo's study vouchers and Kaikukortti cards: grants of opistos, and what of both is used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from demo.flows import GuidelineFlow
from demo.look import OPS
from demo.organisers import Organiser
from demo.post import Post

_YEAR: Final = 2026
_GRANTED: Final = 40
_GRANT: Final = 300_000


@dataclass
class Grants:
    """What these organisers were granted; `say` sends an event of a partner's."""

    organisers: Sequence[Organiser]
    post: Post
    say: Callable[[str, str, str, Mapping[str, Any]], None]

    @property
    def _granted(self) -> list[str]:
        return [one.source for one in self.organisers if one.kind == "opisto"][:_GRANTED]

    def begin(self) -> None:
        """Each of the first opistos records its grant."""
        for source in self._granted:
            self.say(source, "VoucherGrantRecorded", str(_YEAR), {"year": _YEAR, "grant_cents": _GRANT})

    async def flows(self) -> list[GuidelineFlow]:
        """The grants, what vouchers paid by theme against by activity, and the uses of the card."""
        there = by_theme = by_activity = cards = 0
        for source in self._granted:
            said = (await self.post.insist("catalogue", f"/v1/vouchers{source}/{_YEAR}", OPS)).json()
            there += said["grant_cents"] == _GRANT
            by_theme += sum(one["cents"] for one in said["by_theme"].values())
            by_activity += sum(one["cents"] for one in said["activities"])
        for one in self.organisers:
            said = (await self.post.insist("catalogue", f"/v1/kaikukortti{one.source}", OPS)).json()
            cards += sum(activity["used"] for activity in said["activities"])
        return [
            GuidelineFlow("K4", "grants of study vouchers", len(self._granted), there),
            GuidelineFlow("K4", "cents paid by study vouchers, by theme as by course", by_activity, by_theme),
            GuidelineFlow("K4", "course places with a Kaikukortti card", None, cards),
        ]
