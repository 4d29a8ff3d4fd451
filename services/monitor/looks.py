"""Who saw a list that names referrals, so that the audit keeps one look a minute at a list that reloads again and again.

The audit keeps every look at a single one; a list would write as many records as it has rows each time a page
reloads itself.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from starlette.requests import Request

from shared.http.audit import record_access

_A_LOOK: Final = 60.0
_MOST: Final = 50_000


class ListedLately:
    """The referrals that somebody saw in a list within the last minute; in memory, an instance each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[tuple[str, str], float] = {}

    def not_yet(self, who: str, referrals: Iterable[str]) -> list[str]:
        """The referrals in the list that this person has not seen within the minute."""
        since = self._clock() - _A_LOOK
        return [one for one in dict.fromkeys(referrals) if self._shown.get((who, one), since) <= since]

    def were_shown(self, who: str, referrals: Iterable[str]) -> None:
        """Once their looks are written down."""
        now = self._clock()
        if len(self._shown) >= _MOST:
            self._shown = {look: at for look, at in self._shown.items() if at > now - _A_LOOK}
        self._shown |= {(who, one): now for one in referrals}


async def keep_listing(request: Request, who: str, action: str, what: str, referrals: Sequence[str]) -> None:
    """Writes down whose referrals a list shows, unless the same person saw them within the minute. Raises 503."""
    lately: ListedLately = request.app.state.listed_lately
    if new := lately.not_yet(who, referrals):
        await record_access(request, who, action, what, "operations", allowed=True, about=new)
        lately.were_shown(who, new)
