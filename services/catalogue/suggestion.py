"""What an organiser is told of the needs that were derived for its activity, so that it can confirm or correct them. Pure."""

from collections.abc import Sequence

from services.catalogue import words
from services.catalogue.grounds import USUAL, grounds
from services.catalogue.needs import derived
from services.catalogue.words import LANGUAGES, Language, Words
from shared.contracts.catalogue_events import NeedsSuggested, SuggestedNeed
from shared.contracts.opisto_events import ActivityPublished


def suggestion(organiser: str, data: ActivityPublished) -> NeedsSuggested:
    """The needs of an activity whose organiser named none, the greatest first, each with what carried it."""
    texts = [data.title, data.description or {}]
    needs = derived(texts, data.themes, data.setting)
    because = grounds(texts, data.themes, data.setting, needs)
    suggested = [
        SuggestedNeed(dimension=dimension, weight=weight, because=because[dimension])
        for dimension, weight in sorted(needs.items(), key=lambda need: -need[1])
    ]
    return NeedsSuggested(
        recipient=organiser, activity_id=data.activity_id, needs=tuple(suggested), why=_sentences(suggested)
    )


def _sentences(needs: Sequence[SuggestedNeed]) -> dict[Language, str]:
    return {
        language: " ".join([*(_sentence(at, need) for need in needs), words.CONFIRM[at]])
        for at, language in enumerate(LANGUAGES)
    }


def _sentence(at: int, need: SuggestedNeed) -> str:
    called = words.NEEDS[need.dimension][at]
    said = ", ".join(_in_words(ground)[at] for ground in need.because)
    return f"{called[0].upper()}{called[1:]} {need.weight}: {said}."


def _in_words(ground: str) -> Words:
    kind, _, code = ground.partition(":")
    match kind:
        case "word":
            return f"sana ”{code}”", f"ordet ”{code}”", f"the word “{code}”"
        case "theme":
            fi, sv, en = words.THEMES[code]
            return f"teema {fi}", f"temat {sv}", f"the theme {en}"
        case "setting":
            return words.SETTINGS[code]
        case _:
            assert ground == USUAL
            return words.MOSTLY
