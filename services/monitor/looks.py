"""Who was shown a list of dead letters, so that one that is asked for again and again is kept as one look a minute.

The look at each single referral's dead letter is kept every time; a list would write as many records as it has rows at each
turn of a page that renews itself.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

_A_LOOK: Final = 60.0
_MOST: Final = 50_000


class ListedLately:
    """Which referrals somebody was shown in a list within the last minute; in memory, an instance each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[tuple[str, str], float] = {}

    def not_yet(self, who: str, referrals: Iterable[str]) -> list[str]:
        """Those that the list shows anew to this person."""
        since = self._clock() - _A_LOOK
        return [one for one in dict.fromkeys(referrals) if self._shown.get((who, one), since) <= since]

    def were_shown(self, who: str, referrals: Iterable[str]) -> None:
        """Once their looks are written down."""
        now = self._clock()
        if len(self._shown) >= _MOST:
            self._shown = {look: at for look, at in self._shown.items() if at > now - _A_LOOK}
        self._shown |= {(who, one): now for one in referrals}
