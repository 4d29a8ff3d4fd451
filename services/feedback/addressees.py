"""To whom the form speaks, by the age band of the one whom the referral is about."""

from collections.abc import Mapping
from typing import Final, Literal

Addressee = Literal["grown", "child", "small_child"]
"""`child` reads for itself, alone or with a grown-up; for a `small_child`, below seven, a carer answers."""
Respondent = Literal["participant", "carer"]

_OF_CHILDREN: Final[Mapping[str, Addressee]] = {"0-6": "small_child", "7-12": "child", "13-15": "child"}
RESPONDENTS: Final[Mapping[Addressee, tuple[Respondent, ...]]] = {
    "grown": ("participant", "carer"),
    "child": ("participant", "carer"),
    "small_child": ("carer",),
}
"""Who may answer; who most likely does stands first."""


def addressee_of(age_band: str) -> Addressee:
    """To whom the form speaks at an age band; from 16 years on as to anybody."""
    return _OF_CHILDREN.get(age_band, "grown")
