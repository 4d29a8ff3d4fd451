"""The participant's form: one page behind a link, no log-in, fi/sv/en, nothing of it from another host.

GET shows it and uses nothing up; POST writes what was answered to `intake.http`. Only numbers are ever taken: a field
that the form does not have is dropped, a value that it does not offer is refused.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.feedback.decide import OWN
from services.feedback.instruments import LANGUAGES, QUESTIONS, Language
from services.feedback.model import FORM, Feedback, Link, Phase, form_event_id, is_used
from services.feedback.wording import NAMES, WORDS
from shared.clock import real_now
from shared.contracts.envelope import Event
from shared.contracts.from_outside import INSTRUMENTS, About, FeedbackSubmitted
from shared.engine.model import Document
from shared.http import intake
from shared.http.problems import ProblemError

MAX_FORM_BYTES: Final = 16 * 1024
_MAX_FIELDS: Final = 60
_RETRY_AFTER: Final = "5"

_DOCUMENT = msgspec.json.Decoder(Document[Feedback])
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

Respondent = Literal["participant", "carer"]


class Opened(NamedTuple):
    """What a token that works opens."""

    state: Feedback
    link: Link
    synthetic: bool


class Fault(NamedTuple):
    """One fault of what was entered: `name` of the question, empty where it concerns the whole form."""

    name: str
    heading: str
    message: str


@dataclass(frozen=True)
class Entered:
    """What the form brought: answers by instrument, what was declined, what cannot be."""

    respondent: Respondent = "participant"
    answers: Mapping[str, Mapping[str, int]] = msgspec.field(default_factory=dict)
    declined: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
