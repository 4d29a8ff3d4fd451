"""What the service keeps of a good practice: its owner's latest word."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from services.partners.figures import NamedFigure


class Practice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A practice as its owner last recorded it; `time` and `rank` are of that word."""

    owner: str
    id: str
    time: datetime
    rank: str
    name: Mapping[str, str]
    what: Mapping[str, str]
    for_whom: Mapping[str, str]
    described_at: str
    themes: tuple[str, ...] = ()
    municipalities: tuple[str, ...] = ()
    """Where it is practised; none: in all of the country."""
    figures: tuple[NamedFigure, ...] = ()
    withdrawn: bool = False

    @property
    def words(self) -> str:
        """All of its texts, as they are searched."""
        texts = (*self.name.values(), *self.what.values(), *self.for_whom.values())
        return " ".join(texts).casefold()
