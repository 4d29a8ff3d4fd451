"""The code lists: whole, consistent with each other, and not to be changed by who uses them."""

from dataclasses import FrozenInstanceError

import pytest

from shared.reference import DIMENSIONS, MERGED, MUNICIPALITIES, MUNICIPALITIES_OF, REGIONS, THEMES


def test_there_are_the_308_municipalities_and_23_regions_of_2025() -> None:
    assert len(MUNICIPALITIES) == 308
    assert len(REGIONS) == 23


def test_22_regions_may_refer_and_åland_may_not() -> None:
    assert {code for code, region in REGIONS.items() if not region.may_refer} == {"91"}
    assert sum(region.may_refer for region in REGIONS.values()) == 22


def test_every_code_is_its_own_key() -> None:
    assert all(code == municipality.code and len(code) == 3 for code, municipality in MUNICIPALITIES.items())
    assert all(code == region.code and len(code) == 2 for code, region in REGIONS.items())


def test_each_municipality_belongs_to_exactly_one_region() -> None:
    assert set(MUNICIPALITIES_OF) == set(REGIONS)
    assert sorted(code for codes in MUNICIPALITIES_OF.values() for code in codes) == sorted(MUNICIPALITIES)
    assert all(MUNICIPALITIES[code].region == region for region, codes in MUNICIPALITIES_OF.items() for code in codes)


def test_names_are_there_in_both_languages() -> None:
    assert (MUNICIPALITIES["853"].name_fi, MUNICIPALITIES["853"].name_sv) == ("Turku", "Åbo")
    assert REGIONS["06"].name_fi
    assert REGIONS["06"].name_sv
    assert REGIONS["06"].name_en


def test_a_merged_code_is_none_of_today_and_leads_to_one_of_today() -> None:
    assert not set(MERGED) & set(MUNICIPALITIES)
    assert set(MERGED.values()) <= set(MUNICIPALITIES)
    assert MUNICIPALITIES[MERGED["911"]].name_fi == "Nurmes"
    assert MUNICIPALITIES[MERGED["099"]].name_fi == "Kankaanpää"


def test_there_are_18_themes_and_ten_dimensions_each_once() -> None:
    assert len(set(THEMES)) == len(THEMES) == 18
    assert len(set(DIMENSIONS)) == len(DIMENSIONS) == 10


def test_no_one_can_change_the_lists() -> None:
    with pytest.raises(TypeError):
        MUNICIPALITIES["999"] = MUNICIPALITIES["853"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        MUNICIPALITIES["853"].region = "06"  # type: ignore[misc]
