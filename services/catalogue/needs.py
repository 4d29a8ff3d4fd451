"""The needs that an activity supports when its organiser does not say: derived from its themes and setting.

Our own view of what each kind of activity mostly offers, in the ten 3X10D dimensions, 1 to 10; an organiser who knows
better sends `needs_supported`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from shared.reference import DIMENSIONS

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


def derived(themes: Iterable[str], setting: str | None) -> dict[str, int]:
    """The greatest value of the themes, raised by the setting, at most 10."""
    needs: dict[str, int] = {}
    for theme in themes:
        for dimension, weight in _OF_THEME[theme].items():
            needs[dimension] = max(weight, needs.get(dimension, 0))
    for dimension, more in _OF_SETTING.get(setting or "", {}).items():
        needs[dimension] = min(10, needs.get(dimension, 0) + more)
    return needs
