"""Why an activity is proposed, in words: a few short sentences in Finnish, Swedish and English, made of the codes. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from services.catalogue import words
from services.catalogue.funding import FINLAND, Rule
from services.catalogue.words import LANGUAGES, Language, Words
from shared.reference import MUNICIPALITIES

_CLOCK: Final = {"fi": "klo", "sv": "kl."}


def why(reasons: Sequence[str], price_cents: int, rule: Rule, starts_at: datetime | None) -> dict[Language, str]:
    """The sentences by language.

    Args:
        reasons: The codes of the proposal.
        price_cents: What the activity costs whom nobody helps to pay.
        rule: What makes this client's price.
        starts_at: The first session that is still to come, said in Finland's time.
    """
    by_kind = _by_kind(reasons)
    return {
        language: " ".join(_sentences(at, by_kind, price_cents, rule, starts_at))
        for at, language in enumerate(LANGUAGES)
    }


def _by_kind(reasons: Iterable[str]) -> dict[str, list[str]]:
    by_kind: dict[str, list[str]] = {}
    for reason in reasons:
        kind, _, code = reason.partition(":")
        by_kind.setdefault(kind, []).append(code)
    return by_kind


def _sentences(
    at: int, by_kind: Mapping[str, Sequence[str]], price_cents: int, rule: Rule, starts_at: datetime | None
) -> list[str]:
    said = [
        f"{head[at]}: {', '.join(called(code)[at] for code in by_kind[kind])}."
        for kind, (head, called) in _LISTS.items()
        if kind in by_kind
    ]
    said += [f"{sentence[at]}." for kind, sentence in _ALONE.items() if kind in by_kind]
    if rule == "full":
        price = words.AS_WISHED if "within_price" in by_kind else words.PRICE
        said.append(f"{price[at]}: {_euros(at, price_cents)}.")
    elif rule != "free":
        said.append(f"{_euros(at, 0)} {words.FUNDING[rule][at]} ({words.ELSE[at]} {_euros(at, price_cents)}).")
    return [*said, _begins(at, starts_at)] if starts_at else said


def _municipality(code: str) -> Words:
    one = MUNICIPALITIES[code]
    return one.name_fi, one.name_sv, one.name_fi


def _spoken(code: str) -> Words:
    return words.SPOKEN.get(code, (code, code, code))


_LISTS: Final[Mapping[str, tuple[Words, Callable[[str], Words]]]] = {
    "need": (words.SUPPORTS, words.NEEDS.__getitem__),
    "theme": (words.LIKED, words.THEMES.__getitem__),
    "municipality": (words.WHERE, _municipality),
    "language": (words.IN, _spoken),
    "accessibility": (words.OFFERS, words.ACCESSIBILITY.__getitem__),
}
_ALONE: Final[Mapping[str, Words]] = {
    "remote": words.REMOTE,
    "companion": words.COMPANION,
    "free": words.FREE,
    "waiting_list": words.WAITING,
}


def _euros(at: int, cents: int) -> str:
    euros, rest = divmod(cents, 100)
    if LANGUAGES[at] == "en":
        return f"€{euros}.{rest:02}" if rest else f"€{euros}"
    return f"{euros},{rest:02} €" if rest else f"{euros} €"


def _begins(at: int, starts_at: datetime) -> str:
    here = starts_at.astimezone(FINLAND)
    if LANGUAGES[at] == "en":
        return f"{words.BEGINS[at]} on {here:%Y-%m-%d} at {here:%H:%M}."
    return f"{words.BEGINS[at]} {here.day}.{here.month}.{here.year} {_CLOCK[LANGUAGES[at]]} {here:%H.%M}."
