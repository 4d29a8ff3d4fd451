"""Bodies and answers of the feedback service's addresses, as the OpenAPI document shows them."""

from typing import Annotated, Final, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from services.feedback.model import Phase
from services.feedback.question import Language
from shared.http.shapes import Count, Time


class LinkAsked(msgspec.Struct):
    """For which answers a link is asked."""

    phase: Annotated[
        Phase,
        Meta(description="Whether the answers are those before the activity, after it, or some months after closing."),
    ]


class FormLink(TypedDict):
    """A link to the participant's form. Its token stands here and nowhere else."""

    url: Annotated[
        str,
        Meta(
            description="Where the participant opens the form.",
            examples=["https://feedback.lahete.example/f/Ab3"],
            extra_json_schema={"format": "uri"},
        ),
    ]
    phase: Annotated[
        Phase,
        Meta(description="Whether its answers are those before the activity, after it, or some months after closing."),
    ]
    expires: Annotated[Time, Meta(description="When the link ends, RFC 3339 in UTC.")]


# `from` is a word of Python's own.
Filtered = TypedDict(
    "Filtered",
    {
        "region": Annotated[
            str | None, Meta(description="The region's code that was asked for; null for all.", examples=["06"])
        ],
        "municipality": Annotated[
            str | None, Meta(description="The municipality's code that was asked for; null for all.", examples=["837"])
        ],
        "from": Annotated[
            str | None, Meta(description="The first quarter that counts; null for all.", examples=["2026-Q1"])
        ],
        "to": Annotated[
            str | None, Meta(description="The last quarter that counts; null for all.", examples=["2026-Q4"])
        ],
    },
)


class LostInMatching(TypedDict):
    """No activity fitted."""

    no_activity_found: Annotated[Count, Meta(description="How many ended without a proposal.")]


class LostInChoice(TypedDict):
    """Activities were proposed, and none was chosen."""

    not_chosen: Annotated[Count, Meta(description="How many clients chose none in time.")]


class LostAtPlace(TypedDict):
    """No place was to be had."""

    full: Annotated[Count, Meta(description="How many found the activity and its waiting list full.")]
    closed: Annotated[Count, Meta(description="How many came when enrolment was closed.")]
    cancelled: Annotated[Count, Meta(description="How many chose an activity that was cancelled.")]
    unknown: Annotated[Count, Meta(description="How many chose an activity that nobody has published.")]


class LostInAttendance(TypedDict):
    """A place was had."""

    never_attended: Annotated[Count, Meta(description="How many never came.")]
    not_recorded: Annotated[Count, Meta(description="How many have no record of any session.")]


class LostErased(TypedDict):
    """Erased, and lapsed before."""

    lapsed: Annotated[Count, Meta(description="How many had lapsed when they were erased.")]


class Lost(TypedDict):
    """Referrals that ended without their aim, each at the furthest step it came to."""

    matching: Annotated[LostInMatching, Meta(description="Before anything was proposed.")]
    choice: Annotated[LostInChoice, Meta(description="After the proposals, before a choice.")]
    place: Annotated[LostAtPlace, Meta(description="After the choice, before a place.")]
    attendance: Annotated[LostInAttendance, Meta(description="After the place, before anybody came.")]
    erased: Annotated[LostErased, Meta(description="Those of which no step is known any more.")]


class StillOpen(TypedDict):
    """Referrals that have not ended, by what they wait for."""

    matching: Annotated[Count, Meta(description="How many wait for proposals.")]
    choice: Annotated[Count, Meta(description="How many wait for a choice.")]
    place: Annotated[Count, Meta(description="How many wait for a place.")]
    attendance: Annotated[Count, Meta(description="How many have a place and have not ended.")]


class ComparedFigure(TypedDict, total=False):
    """How many referrals, as far as it is shown. Nothing is shown of fewer than five, nor what would show one of fewer."""

    n: Annotated[int, Meta(description="How many; with `suppressed`, how many at least.", examples=[12])]
    suppressed: Annotated[
        bool, Meta(description="True where all or a part is hidden; absent where all is shown.", examples=[True])
    ]


_OF_THE_VALUE: Final = "Of those with this value, how many"
_UNSEEN: Final = "Of those in no row, and hidden in their rows, how many"


class ComparedRow(TypedDict):
    """The referrals with one value: `issued` = `completed` + `withdrawn` + `lost` + `open`, and what is hidden of these."""

    value: Annotated[
        str,
        Meta(
            description="The value; of a unit its issuer and its own code; `not_stated` where none was given.",
            examples=["outreach"],
        ),
    ]
    issued: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} were issued.")]
    completed: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} ended with someone who came.")]
    withdrawn: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} the issuer took back.")]
    lost: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} ended without their aim.")]
    open: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} have not ended.")]
    proposed: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} ever had a proposal.")]
    placed: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} ever had a place.")]
    attended: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} came to a session at least.")]
    closed: Annotated[ComparedFigure, Meta(description=f"{_OF_THE_VALUE} are closed loops.")]


class ComparedRest(TypedDict):
    """What no row shows: with it each column adds up to the report's own figure."""

    issued: Annotated[Count, Meta(description=f"{_UNSEEN} were issued.")]
    completed: Annotated[Count, Meta(description=f"{_UNSEEN} ended with someone who came.")]
    withdrawn: Annotated[Count, Meta(description=f"{_UNSEEN} the issuer took back.")]
    lost: Annotated[Count, Meta(description=f"{_UNSEEN} ended without their aim.")]
    open: Annotated[Count, Meta(description=f"{_UNSEEN} have not ended.")]
    proposed: Annotated[Count, Meta(description=f"{_UNSEEN} ever had a proposal.")]
    placed: Annotated[Count, Meta(description=f"{_UNSEEN} ever had a place.")]
    attended: Annotated[Count, Meta(description=f"{_UNSEEN} came to a session at least.")]
    closed: Annotated[Count, Meta(description=f"{_UNSEEN} are closed loops.")]


class LoopBy(TypedDict):
    """The loop by one dimension."""

    dimension: Annotated[
        Literal["route", "unit", "age_band", "theme", "accessibility", "funding"],
        Meta(description="By what: a `by` of the question."),
    ]
    rows: Annotated[list[ComparedRow], Meta(description="A row a value; of `only`, that row.")]
    rest: NotRequired[
        Annotated[
            ComparedRest,
            Meta(
                description="Absent with `only`, and where a referral may have several values and stand in several rows."
            ),
        ]
    ]


class SessionsOfEnded(TypedDict):
    """Sessions of all that have ended, as told at their end."""

    attended: Annotated[Count, Meta(description="How many sessions the participants came to.", examples=[410])]
    missed: Annotated[Count, Meta(description="How many they missed without a word.", examples=[60])]
    told_ahead: Annotated[Count, Meta(description="How many they missed and had said so beforehand.", examples=[25])]
    not_recorded: Annotated[Count, Meta(description="How many have no record.", examples=[12])]


class LoopReport(Filtered):
    """How far the referrals came: `issued` = `completed` + `withdrawn` + all of `lost` + all of `open`."""

    issued: Annotated[Count, Meta(description="How many referrals were issued in these quarters.", examples=[120])]
    erased: Annotated[Count, Meta(description="Of `issued`, how many consents were withdrawn.", examples=[2])]
    proposed: Annotated[Count, Meta(description="Of `issued`, how many ever had a proposal.", examples=[110])]
    placed: Annotated[Count, Meta(description="Of `issued`, how many ever had a place.", examples=[90])]
    attended: Annotated[
        Count,
        Meta(description="Of `issued`, how many came to a session at least, as told at their end.", examples=[80]),
    ]
    completed: Annotated[Count, Meta(description="Of `issued`, how many ended with someone who came.", examples=[75])]
    discontinued: Annotated[Count, Meta(description="Of `completed`, how many stopped before the end.", examples=[10])]
    closed: Annotated[Count, Meta(description="Of `issued`, how many loops are closed.", examples=[95])]
    withdrawn: Annotated[Count, Meta(description="Of `issued`, how many were taken back.", examples=[5])]
    sessions: Annotated[
        SessionsOfEnded, Meta(description="Of those of `issued` that have ended, how many sessions have which record.")
    ]
    lost: Annotated[Lost, Meta(description="Of `issued`, how many ended without their aim, by step and reason.")]
    open: Annotated[StillOpen, Meta(description="Of `issued`, how many have not ended, by what they wait for.")]
    by: NotRequired[Annotated[LoopBy, Meta(description="The same by one dimension, where `by` asked for it.")]]


_CHANGE: Final = {"n": 24, "mean_before": 4.1, "mean_after": 6.3, "mean_change": 2.2}
_ONCE: Final = {"n": 24, "mean": 4.2}
_POINTS: Final = "in points of the item's scale, the greater the better"


class Figure(TypedDict, total=False):
    """A mean over `n` people. Of fewer than five nothing is shown, nor what with others would show one of fewer."""

    n: Annotated[int | Literal["<5"], Meta(description="How many people answered.", examples=[24])]
    suppressed: Annotated[
        bool, Meta(description="True where the figure is hidden; absent where it is shown.", examples=[True])
    ]
    mean: Annotated[float, Meta(description=f"The mean, where the item is asked once, {_POINTS}.", examples=[4.2])]
    mean_before: Annotated[float, Meta(description=f"The mean before the activity, {_POINTS}.", examples=[4.1])]
    mean_after: Annotated[float, Meta(description=f"The mean after the activity, {_POINTS}.", examples=[6.3])]
    mean_change: Annotated[float, Meta(description="After less before, in points: above 0 is better.", examples=[2.2])]


class Answered(TypedDict):
    """Figures by instrument and item."""

    dimensions_v1: Annotated[
        dict[str, Figure],
        Meta(description="The ten dimensions, each 0 to 10, by their names.", examples=[{"friends": _CHANGE}]),
    ]
    who5: Annotated[
        dict[str, Figure],
        Meta(description="The WHO-5 index of well-being, `score` from 0 to 100.", examples=[{"score": _CHANGE}]),
    ]
    experience_v1: Annotated[
        dict[str, Figure],
        Meta(
            description="`satisfaction` from 1 to 5 and `recommend` from 0 to 10.", examples=[{"satisfaction": _ONCE}]
        ),
    ]


class OfPartners(TypedDict):
    """Partners' experience by item: of no participant, and not suppressed."""

    region: Annotated[
        dict[str, Figure],
        Meta(
            description="Of the regions' professionals: `satisfaction` from 1 to 5, `recommend` from 0 to 10.",
            examples=[{"satisfaction": _ONCE}],
        ),
    ]
    opisto: Annotated[
        dict[str, Figure],
        Meta(
            description="Of the opistos: `satisfaction` from 1 to 5, `recommend` from 0 to 10.",
            examples=[{"satisfaction": _ONCE}],
        ),
    ]
    municipality: Annotated[
        dict[str, Figure],
        Meta(
            description="Of the municipalities: `satisfaction` from 1 to 5, `recommend` from 0 to 10.",
            examples=[{"satisfaction": _ONCE}],
        ),
    ]
    association: Annotated[
        dict[str, Figure],
        Meta(
            description="Of the associations: `satisfaction` from 1 to 5, `recommend` from 0 to 10.",
            examples=[{"satisfaction": _ONCE}],
        ),
    ]
    library: Annotated[
        dict[str, Figure],
        Meta(
            description="Of the libraries: `satisfaction` from 1 to 5, `recommend` from 0 to 10.",
            examples=[{"satisfaction": _ONCE}],
        ),
    ]


class OutcomesReport(Filtered):
    """What changed for the people who answered before and after."""

    participants: Annotated[Answered, Meta(description="What the participants said.")]
    carers: Annotated[Answered, Meta(description="What their carers said.")]
    partners: Annotated[OfPartners, Meta(description="What the partners said of working together.")]


class OfCooperation(TypedDict):
    """Figures by instrument and item. Of others' figures `n` counts partners, each of them once, by its own mean."""

    experience_v1: Annotated[
        dict[str, Figure],
        Meta(
            description="`satisfaction` from 1 to 5 and `recommend` from 0 to 10.", examples=[{"satisfaction": _ONCE}]
        ),
    ]
    cooperation_v1: Annotated[
        dict[str, Figure],
        Meta(description="`roles`, `contact` and `agreed`, each from 1 to 5.", examples=[{"contact": _ONCE}]),
    ]


class ByAbout(TypedDict):
    """Figures by what they are about."""

    group: Annotated[OfCooperation, Meta(description="Of groups.")]
    training: Annotated[OfCooperation, Meta(description="Of trainings.")]
    pair: Annotated[OfCooperation, Meta(description="Of pairs.")]
    agreement: Annotated[OfCooperation, Meta(description="Of agreements.")]


class CooperationReport(TypedDict):
    """What partners said of what they do together. Of fewer than five others nothing is shown."""

    partner: Annotated[str | None, Meta(description="Who asks; null for ops and readers.", examples=["/region/06"])]
    everybody: Annotated[ByAbout, Meta(description="What all partners said.")]
    with_you: Annotated[
        ByAbout | None, Meta(description="What others said of what they do with the partner that asks; null for ops.")
    ]
    yours: Annotated[
        ByAbout | None,
        Meta(description="What the partner that asks said itself, `n` times; null for ops and readers."),
    ]


_Words = dict[Language, str]


class InstrumentItem(TypedDict):
    """One item: the question in each language, and what the ends of its scale mean."""

    item: Annotated[str, Meta(description="The item's name in `answers`.", examples=["contact"])]
    heading: Annotated[_Words, Meta(description="Its heading, by language.", examples=[{"en": "Contact"}])]
    question: Annotated[
        _Words, Meta(description="The question, by language.", examples=[{"en": "How easily do you reach each other?"}])
    ]
    lowest: Annotated[int, Meta(description="The lowest answer, in points, the greater the better.", examples=[1])]
    lowest_means: Annotated[_Words, Meta(description="What that means.", examples=[{"en": "with great difficulty"}])]
    highest: Annotated[int, Meta(description="The highest answer, in points, the greater the better.", examples=[5])]
    highest_means: Annotated[_Words, Meta(description="What that means.", examples=[{"en": "very easily"}])]


class InstrumentShown(TypedDict):
    """An instrument that partners answer for themselves."""

    instrument: Annotated[str, Meta(description="Its name in the event.", examples=["cooperation_v1"])]
    items: Annotated[list[InstrumentItem], Meta(description="Its items, in the order in which they are asked.")]


class Instruments(TypedDict):
    """The instruments that partners answer for themselves."""

    instruments: Annotated[list[InstrumentShown], Meta(description="Each with its items.")]
