"""The participant's form: one page behind a link, no log-in, fi/sv/en, nothing of it from another host.

GET shows the form and uses nothing up; POST writes the answers to `intake.http`. The form takes only numbers: it drops
a field that it does not have, and refuses a value that it does not offer.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.feedback.addressees import RESPONDENTS, Addressee, Respondent, addressee_of
from services.feedback.decide import OWN
from services.feedback.instruments import QUESTIONS
from services.feedback.model import FORM, Link, ReferralFeedback, form_event_id, is_good, is_used
from services.feedback.question import LANGUAGES, Language
from services.feedback.wording import WORDS, WORDS_TO
from shared.clock import real_now
from shared.contracts.envelope import Event
from shared.contracts.participant_events import INSTRUMENTS, About, FeedbackSubmitted
from shared.engine.model import Document
from shared.http import intake
from shared.http.accessibility import TITLE, link_of, statement
from shared.http.body import read_body
from shared.http.language import LANGUAGE, negotiated
from shared.http.language import LANGUAGES as NAMES
from shared.http.operations import Content, Operation, page
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.store import Store, StoreUnavailable

MAX_FORM_BYTES: Final = 16 * 1024
_MAX_FIELDS: Final = 60
_APPLIED_WITHIN: Final = 2.0
_LOOK_EVERY: Final = 0.02
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_LANGUAGE: Final[dict[str, Language]] = {language: language for language in LANGUAGES}

_DOCUMENT = msgspec.json.Decoder(Document[ReferralFeedback])
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Opened(NamedTuple):
    """The referral and the link that a known token opens."""

    state: ReferralFeedback
    link: Link
    synthetic: bool

    @property
    def addressee(self) -> Addressee:
        """To whom the form speaks."""
        return addressee_of(self.state.issued.age_band if self.state.issued else "")


class NoForm(NamedTuple):
    """Why there is no form: the names of the words that say so, the status, and further headers."""

    words: str
    status: int
    headers: Mapping[str, str] = {}


class EntryFault(NamedTuple):
    """One fault of an entry: `field` is the id of the input to go to, `heading` that of its question."""

    field: str
    heading: str
    message: str


@dataclass(frozen=True)
class Entered:
    """The entries of a form: answers by field, the declined fields, and those with an impossible value."""

    respondent: Respondent = "participant"
    answers: Mapping[str, int] = field(default_factory=dict)
    declined: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()


# --- the two routes


async def show_form(request: Request) -> Response:
    """Shows the participant's form; who has the link needs no key. It uses nothing up.

    404 where no such link is known or its opisto lost the place, 410 where it has expired or was used.
    """
    opened = await _opened(request)
    if isinstance(opened, NoForm):
        return _refusal_page(request, opened)
    return _form_page(request, opened, Entered(RESPONDENTS[opened.addressee][0]))


async def take_form(request: Request) -> Response:
    """Takes the participant's answers; that uses the link up. 200 says that Kafka has acknowledged.

    422 is the form with what was entered and what is wrong.
    """
    opened = await _opened(request)
    if isinstance(opened, NoForm):
        return _refusal_page(request, opened)
    fields = await _fields(request)
    if isinstance(fields, NoForm):
        return _refusal_page(request, fields)
    entered = read_entered(opened, fields)
    words = WORDS[language_of(request)]
    if faults := list(_faults(opened, entered, language_of(request))):
        return _form_page(request, opened, entered, faults, 422)
    try:
        intake.must_be_open(request)
        await intake.write(request.app.state.publisher, events_of_form(request, opened, entered))
    except ProblemError as error:
        return _form_page(request, opened, entered, [EntryFault("", "", words["not_now"])], error.status)
    # A participant who goes back and sends other answers must read that the form was used: the same id would conflict.
    await link_becomes(
        request.app.state.store, opened.link.token_hash, lambda now: now is None or is_used(now.state, now.link)
    )
    return _message_page(request, "thanks", 200, [language_of(request)])


async def show_statement(request: Request) -> Response:
    """The accessibility statement of the form, for anybody."""
    language = language_of(request)
    words, address = WORDS[language], request.app.state.settings.feedback_address
    parts = statement(language, words["statement_of"], address)
    return _page(
        request, "accessibility.html", 200, language, words=words, names=NAMES, title=TITLE[language], parts=parts
    )


_TOKEN: Final = Parameter("token", "The secret of the link.")
_PAGES_OF_NONE: Final = {404: page("No such link is known."), 410: page("The link has expired or was used.")}
OPERATIONS: Final = (
    # Before the address of a link, whose token has 43 characters.
    Operation("GET", "/f/accessibility", show_statement, {200: page("The statement.")}, takes=(LANGUAGE,)),
    Operation(
        "GET",
        "/f/{token}",
        show_form,
        {200: page("The form."), **_PAGES_OF_NONE},
        takes=(_TOKEN, LANGUAGE),
        also=(503,),
    ),
    Operation(
        "POST",
        "/f/{token}",
        take_form,
        {
            200: page("The answers were taken."),
            **_PAGES_OF_NONE,
            **dict.fromkeys((400, 413, 415), page("What was sent is no form's.")),
            422: page("The form, with what was entered and what is wrong."),
            503: page("The form, with what was entered: it cannot be taken now."),
        },
        takes=(_TOKEN, LANGUAGE),
        body=Content(
            {_FORM_TYPE: {"type": "object", "additionalProperties": {"type": "string"}}},
            "The form's fields: `<instrument>-<item>` to a number, empty where it is declined; `respondent`.",
            MAX_FORM_BYTES,
        ),
        also=(422, 503),
    ),
)


# --- the link


def hash_of(token: str) -> str:
    """The hash that we keep of a token: it has 256 random bits, so nobody can search through a plain SHA-256."""
    return sha256(token.encode()).hexdigest()


async def find_link(store: Store, token_hash: str) -> Opened | None:
    """The link and the referral that a token's hash belongs to."""
    for row in await store.find("feedback", equal={"token": token_hash}, limit=1):
        document = _DOCUMENT.decode(row.body)
        links = document.state.links if document.state else ()
        for link in links:
            if document.state and link.token_hash == token_hash:
                return Opened(document.state, link, document.synthetic)
    return None


async def link_becomes(store: Store, token_hash: str, done: Callable[[Opened | None], bool]) -> None:
    """Waits a moment until the events about a link are applied; they will be soon after in any case."""
    until = time.monotonic() + _APPLIED_WITHIN
    # Another instance may apply them: both see only the store.
    with suppress(StoreUnavailable):
        while time.monotonic() < until and not done(await find_link(store, token_hash)):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EVERY)


async def _opened(request: Request) -> Opened | NoForm:
    opened = await find_link(request.app.state.store, hash_of(request.path_params["token"]))
    if opened is None or not is_good(opened.state, opened.link):
        return NoForm("unknown", 404)
    if is_used(opened.state, opened.link):
        return NoForm("used", 410)
    return NoForm("expired", 410) if opened.link.expires <= real_now() else opened


# --- the entries


async def _fields(request: Request) -> Mapping[str, str] | NoForm:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        return NoForm("unreadable", 415)
    try:
        text = (await read_body(request, MAX_FORM_BYTES)).decode(errors="replace")
        return {
            name: values[-1]
            for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS).items()
        }
    except ProblemError as error:
        return NoForm("unreadable", error.status, error.headers)
    except ValueError:
        return NoForm("unreadable", 400)


def read_entered(opened: Opened, fields: Mapping[str, str]) -> Entered:
    """The entries of a form of this link's phase, without fields that it does not have."""
    answers: dict[str, int] = {}
    declined, wrong = set(), set()
    who: dict[str, Respondent] = {one: one for one in RESPONDENTS[opened.addressee]}
    likely = RESPONDENTS[opened.addressee][0]
    # Where one alone can answer, the form asks nobody who does.
    respondent = who.get(fields.get("respondent", likely)) if len(who) > 1 else likely
    if respondent is None:
        wrong.add("respondent")
    for name, (low, high) in _items(opened.link):
        value = fields.get(name)
        if value is None:
            continue
        if value == "":
            declined.add(name)
        elif value in {str(number) for number in range(low, high + 1)}:
            answers[name] = int(value)
        else:
            wrong.add(name)
    return Entered(respondent or likely, answers, frozenset(declined), frozenset(wrong))


def _items(link: Link) -> Iterable[tuple[str, tuple[int, int]]]:
    for instrument in FORM[link.phase]:
        for item, limits in INSTRUMENTS[instrument].items():
            yield field_name(instrument, item), limits


def field_name(instrument: str, item: str) -> str:
    """The form's field for an item."""
    return f"{instrument}-{item}"


def _faults(opened: Opened, entered: Entered, language: Language) -> Iterable[EntryFault]:
    words, link = WORDS_TO[opened.addressee][language], opened.link
    if "respondent" in entered.wrong:
        yield EntryFault("respondent-participant", words["who"], words["not_a_choice"])
    for instrument in FORM[link.phase]:
        for item, (low, _) in INSTRUMENTS[instrument].items():
            name = field_name(instrument, item)
            if name in entered.wrong:
                heading = QUESTIONS[opened.addressee][instrument][item].heading[language]
                yield EntryFault(f"{name}-{low}", heading, words["not_a_choice"])
    if not entered.answers and not entered.wrong:
        first, (low, _) = next(iter(_items(link)))
        yield EntryFault(f"{first}-{low}", "", words["nothing_answered"])


def events_of_form(request: Request, opened: Opened, entered: Entered) -> list[Event[FeedbackSubmitted]]:
    """One event for each instrument with answers. Their ids are the link's, so that a double POST is a repetition."""
    state, link, synthetic = opened
    now = request.app.state.clock.now()
    events = []
    for instrument in FORM[link.phase]:
        names = {item: field_name(instrument, item) for item in INSTRUMENTS[instrument]}
        answers = {item: entered.answers[name] for item, name in names.items() if name in entered.answers}
        if answers:
            data = FeedbackSubmitted(
                about=About(kind="referral", id=state.id),
                respondent=entered.respondent,
                phase=link.phase,
                instrument=instrument,  # type: ignore[arg-type]
                answers=answers,
                channel="form",
            )
            id_ = form_event_id(link.token_hash, instrument)
            events.append(Event(id_, OWN, now, data, correlation=state.id, synthetic=synthetic))
    return events


# --- the pages


def language_of(request: Request) -> Language:
    """`?lang`, else what Accept-Language prefers of fi, sv, en, else Finnish."""
    return _LANGUAGE[negotiated(request)]


def _form_page(
    request: Request, opened: Opened, entered: Entered, faults: Iterable[EntryFault] = (), status: int = 200
) -> Response:
    language = language_of(request)
    faults = list(faults)
    sections = [
        {
            "instrument": instrument,
            "questions": [
                _question(opened.addressee, instrument, item, entered, language) for item in INSTRUMENTS[instrument]
            ],
        }
        for instrument in FORM[opened.link.phase]
    ]
    return _page(
        request,
        "form.html",
        status,
        language,
        words=WORDS_TO[opened.addressee][language],
        names=NAMES,
        phase=opened.link.phase,
        respondent=entered.respondent,
        respondents=RESPONDENTS[opened.addressee],
        respondent_error="respondent" in entered.wrong,
        sections=sections,
        errors=faults,
    )


def _question(addressee: Addressee, instrument: str, item: str, entered: Entered, language: Language) -> dict[str, Any]:
    question, (low, high) = QUESTIONS[addressee][instrument][item], INSTRUMENTS[instrument][item]
    words, name = WORDS_TO[addressee][language], field_name(instrument, item)
    ends = {"low_text": question.low[language], "high_text": question.high[language]}
    is_yes_or_no = (low, high) == (0, 1)
    return {
        "name": name,
        "heading": question.heading[language],
        "text": question.text[language],
        "scale": "" if is_yes_or_no else words["scale"].format(low=low, high=high, **ends),
        "choices": dict(enumerate(ends.values()) if is_yes_or_no else ((one, one) for one in range(low, high + 1))),
        "answer": entered.answers.get(name),
        "declined": name in entered.declined,
        "error": words["not_a_choice"] if name in entered.wrong else "",
    }


def _refusal_page(request: Request, refusal: NoForm) -> Response:
    """In all three languages, the reader's own first: without the form there is no language switch either."""
    own = language_of(request)
    others = [language for language in LANGUAGES if language != own]
    page = _message_page(request, refusal.words, refusal.status, [own, *others])
    page.headers.update(refusal.headers)
    return page


def _message_page(request: Request, name: str, status: int, languages: list[Language]) -> Response:
    parts = [
        {"lang": language, "heading": WORDS[language][name], "text": WORDS[language][f"{name}_text"]}
        for language in languages
    ]
    return _page(request, "message.html", status, languages[0], parts=parts)


def _page(request: Request, template: str, status: int, language: Language, **content: Any) -> Response:
    nonce = secrets.token_urlsafe(16)
    frame = {
        "lang": language,
        "nonce": nonce,
        "feedback": link_of(request.app.state.settings.feedback_address),
        "words_of_page": WORDS[language],
    }
    html = _PAGES.get_template(template).render({**frame, **content})
    headers = {
        "Content-Security-Policy": f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Content-Language": language,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
    }
    if status == 503:
        headers["Retry-After"] = "5"
    return HTMLResponse(html, status, headers)
