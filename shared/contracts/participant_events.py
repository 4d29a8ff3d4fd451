"""What participants answer, through the form, for which the feedback service sends it, or through a partner; and what
partners answer for themselves."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from shared.contracts.data import Data, Strict
from shared.contracts.event_class import event_class
from shared.contracts.fields import Integer, Phase, ReferralId, Respondent
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.reference import DIMENSIONS


class About(Strict):
    """What feedback is about."""

    kind: Literal["referral"]
    """The kind of what the feedback is about; always a referral."""
    id: ReferralId
    """The referral, by the id under which its region issued it."""


INSTRUMENTS: dict[str, dict[str, tuple[int, int]]] = {
    "dimensions_v1": dict.fromkeys(DIMENSIONS, (0, 10)),
    "who5": dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), (0, 5)),
    "experience_v1": {"satisfaction": (1, 5), "recommend": (0, 10)},
}
"""Each instrument's items and their lowest and highest answer."""


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
    return {"if": chosen, "then": {"properties": {"answers": answers}}}


@event_class("feedback", *PARTNER_KINDS, "service/feedback", outcome="feedback")
class FeedbackSubmitted(Data):
    """Answers of one respondent, before or after."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_answers_to(*row) for row in INSTRUMENTS.items()]})

    about: About
    """What the feedback is about."""
    respondent: Respondent
    """Who answers: the participant, a carer for the participant, or a partner for itself, by `experience_v1`
    alone."""
    phase: Phase
    """Whether the answers are from before the activity or after it."""
    instrument: Annotated[Literal["dimensions_v1", "who5", "experience_v1"], Field(title="Instrument")]
    """Which questions are answered: the ten dimensions, WHO-5, or how it was."""
    answers: Annotated[dict[str, Integer], Field(min_length=1, max_length=10, examples=[{"friends": 3, "family": 6}])]
    """The answer to each item, the greater the better: dimensions_v1 0 to 10 for each dimension, who5 0 to 5 for each
    of `q1` to `q5`, experience_v1 `satisfaction` 1 to 5 and `recommend` 0 to 10."""
    channel: Annotated[Literal["form", "paper", "phone"], Field(title="AnswerChannel", examples=["paper"])] | None = (
        None
    )
    """How the answers came; a partner sends a participant's only from `paper` or `phone`."""

    @model_validator(mode="after")
    def _answers_fit_the_instrument(self) -> Self:
        if self.respondent in PARTNER_KINDS and self.instrument != "experience_v1":
            raise ValueError(f"{self.instrument} is the participant's; a {self.respondent} answers experience_v1")
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

    @property
    def subject(self) -> str:
        return self.about.id
