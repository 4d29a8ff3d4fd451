"""The needs that an activity supports when its organiser does not say: derived from its texts, themes and setting.

A model that was learned from services labelled by experts reads title and description; our own view of what each theme and
setting mostly offers is blended in. In the ten 3X10D dimensions, 1 to 10. An organiser who knows better sends
`needs_supported`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from services.catalogue.features import joined, terms
from services.catalogue.text_model import TextModel, shipped
from shared.reference import DIMENSIONS

OF_THEMES: Final = 0.3
"""The part that themes and setting have; the rest is the text's."""
FLOOR: Final = 0.08
"""What is left out: no service does something for each need."""
STEEPNESS: Final = 12
"""From the model's 0 to 1 to needs of 1 to 10, less what was left out."""
_OF_THEME: Final[Mapping[str, Mapping[str, int]]] = {
    "music": {"resilience": 5, "life_satisfaction": 6, "self_esteem": 4},
    "singing": {"friends": 6, "resilience": 5, "life_satisfaction": 6, "self_esteem": 5},
    "visual_arts": {"self_esteem": 6, "improvement_of_strengths": 6, "resilience": 4},
    "crafts": {"improvement_of_strengths": 6, "friends": 4, "resilience": 4},
    "dance": {"health": 7, "friends": 4, "self_esteem": 4},
    "theatre": {"self_esteem": 7, "friends": 6, "improvement_of_strengths": 5},
    "literature": {"resilience": 5, "life_satisfaction": 5, "friends": 3},
    "writing": {"resilience": 6, "self_esteem": 6, "improvement_of_strengths": 5},
    "film": {"life_satisfaction": 5, "friends": 3},
    "photography": {"improvement_of_strengths": 6, "self_esteem": 4, "life_satisfaction": 4},
    "nature": {"health": 6, "resilience": 6, "life_satisfaction": 5},
    "movement": {"health": 9, "resilience": 4, "self_esteem": 3},
    "languages": {"working_studying": 6, "improvement_of_strengths": 6, "friends": 3},
    "cooking": {"health": 5, "housing": 5, "family": 3, "finance": 3},
    "digital": {"working_studying": 6, "improvement_of_strengths": 5, "finance": 2},
    "history": {"life_satisfaction": 4, "improvement_of_strengths": 4},
    "wellbeing": {"health": 7, "resilience": 7, "life_satisfaction": 5},
    "social": {"friends": 8, "life_satisfaction": 5, "self_esteem": 3},
}
_OF_SETTING: Final[Mapping[str, Mapping[str, int]]] = {
    "course": {"improvement_of_strengths": 2},
    "peer": {"friends": 3, "resilience": 3},
    "drop_in": {"friends": 2},
    "meets_people": {"friends": 4, "life_satisfaction": 2},
    "guidance": {"working_studying": 3, "finance": 2},
}


def vector(needs: Mapping[str, int]) -> tuple[int, ...]:
    """The ten dimensions in their order; absent is 0."""
    return tuple(needs.get(dimension, 0) for dimension in DIMENSIONS)


def derived(texts: Sequence[Mapping[Any, str]], themes: Iterable[str], setting: str | None) -> dict[str, int]:
    """What title and description, by language, themes and setting together say; never nothing."""
    return dict(_derived(tuple(joined(texts).items()), tuple(themes), setting))


# A publication is decided twice: what it changes is looked up before.
@lru_cache(maxsize=256)
def _derived(text: tuple[tuple[str, str], ...], themes: tuple[str, ...], setting: str | None) -> Mapping[str, int]:
    return blended(shipped(), terms(dict(text), themes), themes, setting)


def blended(model: TextModel, counted: Mapping[str, int], themes: Iterable[str], setting: str | None) -> dict[str, int]:
    """The model's needs and those of themes and setting, each with its part; what is small is left out."""
    of_themes = vector(by_table(themes, setting))
    needs = [
        (1 - OF_THEMES) * said + OF_THEMES * offered / 10
        for said, offered in zip(model.needs(counted), of_themes, strict=True)
    ]
    floor = min(FLOOR, max(needs) - 1 / STEEPNESS)
    weights = [min(10, round(STEEPNESS * (need - floor))) for need in needs]
    return {dimension: weight for dimension, weight in zip(DIMENSIONS, weights, strict=True) if weight > 0}


def by_table(themes: Iterable[str], setting: str | None) -> dict[str, int]:
    """The greatest value of the themes, raised by the setting, at most 10."""
    needs: dict[str, int] = {}
    for theme in themes:
        for dimension, weight in _OF_THEME[theme].items():
            needs[dimension] = max(weight, needs.get(dimension, 0))
    for dimension, more in _OF_SETTING.get(setting or "", {}).items():
        needs[dimension] = min(10, needs.get(dimension, 0) + more)
    return needs
