"""Bodies and answers of the feedback service's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Literal, TypedDict

import msgspec
from msgspec import Meta

from services.feedback.model import Phase
from shared.http.shapes import Count, Time


class LinkAsked(msgspec.Struct):
    """For which answers a link is asked."""

    phase: Phase


class FormLink(TypedDict):
    """A link to the participant's form. Its token stands here and nowhere else."""

    url: Annotated[str, Meta(examples=["https://feedback.lahete.example/f/Ab3"], extra_json_schema={"format": "uri"})]
    phase: Phase
    expires: Time


# `from` is a word of Python's own.
Filtered = TypedDict(
    "Filtered", {"region": str | None, "municipality": str | None, "from": str | None, "to": str | None}
)


class LostInMatching(TypedDict):
    """No activity fitted."""

    no_activity_found: Count


class LostInChoice(TypedDict):
    """Activities were proposed, and none was chosen."""

    not_chosen: Count


class LostAtPlace(TypedDict):
    """No place was to be had."""

    full: Count
    closed: Count
    cancelled: Count
    unknown: Count


class LostInAttendance(TypedDict):
    """A place was had."""

    never_attended: Count
    not_recorded: Count


class LostErased(TypedDict):
    """Erased, and lapsed before."""

    lapsed: Count


class Lost(TypedDict):
    """Referrals that ended without their aim, each at the furthest step it came to."""

    matching: LostInMatching
    choice: LostInChoice
    place: LostAtPlace
    attendance: LostInAttendance
    erased: LostErased


class StillOpen(TypedDict):
    """Referrals that have not ended, by what they wait for."""

    matching: Count
    choice: Count
    place: Count
    attendance: Count


class LoopReport(Filtered):
    """How far the referrals came: `issued` = `completed` + `withdrawn` + all of `lost` + all of `open`."""

    issued: Count
    erased: Annotated[int, Meta(description="Of `issued`, how many consents were withdrawn.")]
    proposed: Count
    placed: Count
    attended: Count
    completed: Count
    discontinued: Annotated[int, Meta(description="Of `completed`, how many stopped before the end.")]
    closed: Count
    withdrawn: Count
    lost: Lost
    open: StillOpen


class Figure(TypedDict, total=False):
    """A mean over `n` people. Of fewer than five nothing is shown, nor what with others would show one of fewer."""

    n: int | Literal["<5"]
    suppressed: bool
    mean: float
    mean_before: float
    mean_after: float
    mean_change: float


class Answered(TypedDict):
    """Figures by instrument and item."""

    dimensions_v1: dict[str, Figure]
    who5: dict[str, Figure]
    experience_v1: dict[str, Figure]


class OfPartners(TypedDict):
    """Partners' experience by item: of no participant, and not suppressed."""

    region: dict[str, Figure]
    opisto: dict[str, Figure]


class OutcomesReport(Filtered):
    """What changed for the people who answered before and after."""

    participants: Answered
    carers: Answered
    partners: OfPartners
