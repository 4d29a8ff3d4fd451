"""What the service keeps of a goal of a wellbeing plan: its owner's latest word."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

from services.partners.figures import NamedFigure


class PlanGoal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A goal as its owner last recorded it; `time` and `rank` are of that word."""

    owner: str
    id: str
    time: datetime
    rank: str
    goal: Mapping[str, str]
    starts: date
    ends: date
    described_at: str
    figure: NamedFigure
    target: float
    reach: Literal["at_least", "at_most"] = "at_least"
    withdrawn: bool = False
