"""Code lists that everything shares: municipalities, regions, languages, themes, dimensions of need, rules of study vouchers.

Read once, at import, from the files beside this one; SOURCES.md names their origin.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality of 2025: its three-digit code, and the two-digit code of its region."""

    code: str
    name_fi: str
    name_sv: str
    region: str


@dataclass(frozen=True, slots=True)
class Region:
    """A wellbeing services county, Helsinki, or Åland, which is no county and may not refer."""

    code: str
    name_fi: str
    name_sv: str
    name_en: str
    may_refer: bool


@dataclass(frozen=True, slots=True)
class VoucherRule:
    """For which groups of people the National Agency for Education granted study vouchers in a year."""

    year: int
    groups: tuple[str, ...]
    source: str


def _rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
    return rows


def _by_region(municipalities: Mapping[str, Municipality], regions: Mapping[str, Region]) -> dict[str, tuple[str, ...]]:
    return {
        region: tuple(code for code, municipality in municipalities.items() if municipality.region == region)
        for region in regions
    }


MUNICIPALITIES: Mapping[str, Municipality] = MappingProxyType(
    {row["code"]: Municipality(**row) for row in _rows("municipalities.json")}
)
REGIONS: Mapping[str, Region] = MappingProxyType({row["code"]: Region(**row) for row in _rows("regions.json")})
MUNICIPALITIES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(_by_region(MUNICIPALITIES, REGIONS))
"""Region code to the codes of its municipalities, in order of code."""

LANGUAGES: frozenset[str] = frozenset(files(__name__).joinpath("languages.txt").read_text(encoding="ascii").split())
"""ISO 639's codes of languages and groups of languages, of two letters and of three."""

VOUCHER_RULES: Mapping[int, VoucherRule] = MappingProxyType(
    {row["year"]: VoucherRule(row["year"], tuple(row["groups"]), row["source"]) for row in _rows("voucher_rules.json")}
)
"""The rule of each year's study vouchers; a year whose rule nobody has added yet has none."""

MERGED: Mapping[str, str] = MappingProxyType(
    {
        "084": "564",  # Haukipudas -> Oulu, 2013
        "255": "564",  # Kiiminki -> Oulu, 2013
        "567": "564",  # Oulunsalo -> Oulu, 2013
        "972": "564",  # Yli-Ii -> Oulu, 2013
        "246": "740",  # Kerimäki -> Savonlinna, 2013
        "618": "740",  # Punkaharju -> Savonlinna, 2013
        "248": "260",  # Kesälahti -> Kitee, 2013
        "254": "790",  # Kiikoinen -> Sastamala, 2013
        "534": "297",  # Nilsiä -> Kuopio, 2013
        "696": "491",  # Ristiina -> Mikkeli, 2013
        "775": "491",  # Suomenniemi -> Mikkeli, 2013
        "863": "010",  # Töysä -> Alavus, 2013
        "926": "678",  # Vihanti -> Raahe, 2013
        "942": "905",  # Vähäkyrö -> Vaasa, 2013
        "413": "609",  # Lavia -> Pori, 2015
        "476": "297",  # Maaninka -> Kuopio, 2015
        "838": "423",  # Tarvasjoki -> Lieto, 2015
        "164": "301",  # Jalasjärvi -> Kurikka, 2016
        "283": "098",  # Hämeenkoski -> Hollola, 2016
        "319": "783",  # Köyliö -> Säkylä, 2016
        "532": "398",  # Nastola -> Lahti, 2016
        "174": "297",  # Juankoski -> Kuopio, 2017
        "442": "051",  # Luvia -> Eurajoki, 2017
        "911": "541",  # Valtimo -> Nurmes, 2020
        "099": "214",  # Honkajoki -> Kankaanpää, 2021
    }
)
"""Codes of municipalities that merged since 2013, to the code of the one they belong to now."""

THEMES: tuple[str, ...] = (
    "music",
    "singing",
    "visual_arts",
    "crafts",
    "dance",
    "theatre",
    "literature",
    "writing",
    "film",
    "photography",
    "nature",
    "movement",
    "languages",
    "cooking",
    "digital",
    "history",
    "wellbeing",
    "social",
)
"""Art forms and contents of activities, in the order of the contract."""

DIMENSIONS: tuple[str, ...] = (
    "health",
    "resilience",
    "housing",
    "working_studying",
    "family",
    "friends",
    "finance",
    "improvement_of_strengths",
    "self_esteem",
    "life_satisfaction",
)
"""The ten dimensions of 3X10D, the measure of a person's life situation that states needs."""
