"""What participants answer, through the form, for which the feedback service sends it, or through a partner; and what
partners answer for themselves."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from shared.contracts.data import Data, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import SOURCE, Integer, Phase, Respondent
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.reference import DIMENSIONS

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# As `UnitRef`, where more stands behind the unit.
_UNIT: Final = r"(?:1\.2\.246\.(?:10|537)(?:\.[0-9]{1,8}){1,8}|(?![A-Za-z0-9_-]*[0-9]{4})[A-Za-z0-9_-]{1,16})"
ABOUT_IDS: Final[Mapping[str, str]] = {
    "referral": _UUID,
    "group": _UUID,
    "training": f"{SOURCE} [A-Za-z0-9._:-]{{1,64}}",
    "pair": f"/region/[0-9]{{2}} {_UNIT} {SOURCE}",
    "agreement": f"{SOURCE}{SOURCE}/[A-Za-z0-9._:-]{{1,64}}",
}
"""By what feedback is about: what its id looks like. Of a pair and an agreement both parties stand in it."""


def _named_so(kind: str) -> JsonDict:
    chosen: JsonDict = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
    id_: JsonDict = {"type": "string", "pattern": f"^{ABOUT_IDS[kind]}$"}
    return {"if": chosen, "then": {"properties": {"id": id_}}}


class About(Strict):
    """What feedback is about."""

    model_config = ConfigDict(json_schema_extra={"allOf": [*map(_named_so, ABOUT_IDS)]})

    kind: Annotated[
        Literal["referral", "group", "training", "pair", "agreement"], Field(title="AboutWhat", examples=["referral"])
    ]
    """The kind of what the feedback is about."""
    id: Annotated[str, Field(examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"])]
    """The referral or the group, by the id under which it was issued; a training as `<who held it> <training_id>`, a pair
    as `<region> <unit_ref> <organiser>`, an agreement as `<referrer><organiser>/<agreement_id>`, each partner by its
    source."""

    @field_validator("id")
    @classmethod
    def _fits_its_kind(cls, value: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind and not re.fullmatch(ABOUT_IDS[kind], value):
            raise ValueError(f"{value[:120]!r} names no {kind}: {_NAMES[kind]}")
        return value

    @property
    def parties(self) -> tuple[str, ...]:
        """The partners that the id itself names as parties: both of a pair or an agreement, none of anything else."""
        if self.kind not in {"pair", "agreement"}:
            return ()
        first, last = re.compile(SOURCE).findall(self.id)[:2]
        return first, last


_NAMES: Final[Mapping[str, str]] = {
    "referral": "it is a UUID in lower case",
    "group": "it is a UUID in lower case",
    "training": "it is <who held it> <training_id>, such as /opisto/tampere 2026-7",
    "pair": "it is <region> <unit_ref> <organiser>, such as /region/06 unit-17 /opisto/tampere",
    "agreement": "it is <referrer><organiser>/<agreement_id>, such as /region/06/opisto/tampere/2026-7",
}

INSTRUMENTS: dict[str, dict[str, tuple[int, int]]] = {
    "dimensions_v1": dict.fromkeys(DIMENSIONS, (0, 10)),
    "who5": dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), (0, 5)),
    "experience_v1": {"satisfaction": (1, 5), "recommend": (0, 10)},
    "cooperation_v1": dict.fromkeys(("roles", "contact", "agreed"), (1, 5)),
    "afterwards_v1": {"still_taking_part": (0, 1), "life_satisfaction": (0, 10)},
}
"""Each instrument's items and their lowest and highest answer."""
OF_PARTNERS: Final = ("experience_v1", "cooperation_v1")
"""The instruments that partners answer for themselves; of a referral the first alone."""
AFTERWARDS: Final = ("after_3_months", "after_6_months")
"""The phases that ask `afterwards_v1`, and nothing else."""


def _answers_to(instrument: str, items: dict[str, tuple[int, int]]) -> JsonDict:
    limits: JsonDict = {
        item: {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, {"type": "null"}]}
        for item, (low, high) in items.items()
    }
    answers: JsonDict = {
        "type": "object",
        "properties": limits,
        "propertyNames": {"title": f"Items of {instrument}", "enum": [*items]},
    }
    if instrument == "who5":
        answers["required"] = [*items]
    chosen: JsonDict = {"properties": {"instrument": {"const": instrument}}, "required": ["instrument"]}
    later: JsonDict = {"anyOf": [{"const": phase} for phase in AFTERWARDS]}
    phase: JsonDict = later if instrument == "afterwards_v1" else {"not": later}
    return {"if": chosen, "then": {"properties": {"answers": answers, "phase": phase}}}


def _of_cooperation() -> JsonDict:
    """Of anything but a referral partners alone answer, afterwards, and cooperation_v1 is of nothing else."""
    referral: JsonDict = {"type": "object", "properties": {"kind": {"const": "referral"}}}
    return {
        "if": {"properties": {"about": referral}, "required": ["about"]},
        "then": {"properties": {"instrument": {"not": {"const": "cooperation_v1"}}}},
        "else": {
            "properties": {
                "respondent": {"title": "PartnerKind", "enum": [*PARTNER_KINDS]},
                "phase": {"const": "after"},
                "instrument": {"title": "PartnersInstrument", "enum": [*OF_PARTNERS]},
            }
        },
    }


@event_class("feedback", *PARTNER_KINDS, "service/feedback", outcome="feedback")
class FeedbackSubmitted(Data):
    """Answers of one respondent, before, after or some months later."""

    model_config = ConfigDict(
        json_schema_extra={"allOf": [*(_answers_to(*row) for row in INSTRUMENTS.items()), _of_cooperation()]}
    )

    about: About
    """What the feedback is about."""
    respondent: Respondent
    """Who answers: the participant, with or without help; a carer for the participant; or a partner for itself, by
    `experience_v1` or, of anything but a referral, `cooperation_v1`."""
    phase: Phase
    """When the answers are of: before the activity, after it, or three or six months after the loop was closed; these two by
    `afterwards_v1` alone."""
    instrument: Annotated[
        Literal["dimensions_v1", "who5", "experience_v1", "cooperation_v1", "afterwards_v1"], Field(title="Instrument")
    ]
    """Which questions are answered: the ten dimensions, WHO-5, how it was, how partners work together, or how it went on."""
    answers: Annotated[dict[str, Integer], Field(min_length=1, max_length=10, examples=[{"friends": 3, "family": 6}])]
    """The answer to each item, the greater the better: dimensions_v1 0 to 10 for each dimension, who5 0 to 5 for each
    of `q1` to `q5`, experience_v1 `satisfaction` 1 to 5 and `recommend` 0 to 10, cooperation_v1 `roles`, `contact` and
    `agreed` 1 to 5, afterwards_v1 `still_taking_part` 0 (no) or 1 (yes) and `life_satisfaction` 0 to 10."""
    channel: Annotated[Literal["form", "paper", "phone"], Field(title="AnswerChannel", examples=["paper"])] | None = (
        None
    )
    """How the answers came; a partner sends a participant's only from `paper` or `phone`."""

    @model_validator(mode="after")
    def _answers_fit_the_instrument(self) -> Self:
        self._respondent_answers_it()
        if (self.instrument == "afterwards_v1") != (self.phase in AFTERWARDS):
            raise ValueError(
                f"{self.instrument} is not asked {self.phase}; {' and '.join(AFTERWARDS)} ask afterwards_v1"
            )
        items = INSTRUMENTS[self.instrument]
        for item, answer in self.answers.items():
            if item not in items:
                raise ValueError(f"{self.instrument} has no item {item[:40]!r}; it has {', '.join(items)}")
            low, high = items[item]
            if not low <= answer <= high:
                raise ValueError(f"{item} is {answer}; {self.instrument} takes {low} to {high}")
        if self.instrument == "who5" and len(self.answers) < 5:
            raise ValueError("who5 needs all of q1 to q5")
        return self

    def _respondent_answers_it(self) -> None:
        of_a_referral = self.about.kind == "referral"
        if self.respondent in PARTNER_KINDS and self.instrument not in OF_PARTNERS:
            raise ValueError(f"{self.instrument} is the participant's; a {self.respondent} answers experience_v1")
        if self.instrument == "cooperation_v1" and of_a_referral:
            raise ValueError(
                "cooperation_v1 is of a group, training, pair or agreement; of a referral answer experience_v1"
            )
        if not of_a_referral and self.respondent not in PARTNER_KINDS:
            raise ValueError(f"a {self.respondent} answers of a referral; of a {self.about.kind} partners answer")
        if not of_a_referral and self.phase != "after":
            raise ValueError(f"of a {self.about.kind} partners answer in the phase after")

    @property
    def subject(self) -> str:
        return self.about.id if self.about.kind == "referral" else f"{self.about.kind} {self.about.id}"
