"""The register of licences: one opisto for each licence in force, and every fault of the register named."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from demo import register
from demo.register import LicensedOpisto, RowFault, as_json, load_opistos, main, read_register
from shared.reference import MUNICIPALITIES

OID = "1.2.246.562.10.1"


def licence(**changes: Any) -> dict[str, Any]:
    return {
        "opisto_oid": OID,
        "name": "Kokeilun kansalaisopisto",
        "languages": ["fi"],
        "owner_business_id": "0000000-0",
        "licence_no": "1/532/2012",
        "valid_from": "2013-01-01",
        "valid_to": None,
        "municipality_codes": ["541"],
    } | changes


def kinds(faults: list[RowFault]) -> list[tuple[str, str]]:
    return [(fault.kind, fault.value) for fault in faults]


def test_a_licence_in_force_gives_its_opisto() -> None:
    opistos, faults = read_register([licence(languages=["fi", "sv"], municipality_codes=["541", "176"])])
    assert opistos == [LicensedOpisto(OID, "Kokeilun kansalaisopisto", ("fi", "sv"), ("541", "176"))]
    assert faults == []


@pytest.mark.parametrize("ended_first", [True, False])
def test_the_licence_in_force_wins_over_the_ended_one_in_whichever_order(ended_first: bool) -> None:
    rows = [licence(licence_no="old", valid_to="2019-12-31", municipality_codes=["091"]), licence(licence_no="new")]
    opistos, faults = read_register(rows if ended_first else rows[::-1])
    assert [opisto.municipalities for opisto in opistos] == [("541",)]
    assert faults == [RowFault("old", OID, "licence_ended", "2019-12-31")]


def test_an_opisto_whose_licences_have_all_ended_is_left_out() -> None:
    opistos, faults = read_register([licence(valid_to="2019-12-31")])
    assert opistos == []
    assert kinds(faults) == [("licence_ended", "2019-12-31")]


def test_a_licence_that_ends_later_is_still_in_force() -> None:
    opistos, faults = read_register([licence(valid_to="2030-12-31")])
    assert len(opistos) == 1
    assert faults == []


def test_of_two_licences_in_force_the_later_one_holds() -> None:
    opistos, faults = read_register([licence(), licence(licence_no="2/532/2019", valid_from="2020-01-01", name="Uusi")])
    assert [opisto.name for opisto in opistos] == ["Uusi"]
    assert kinds(faults) == [("licence_ended", "2013-01-01")]


def test_a_code_of_a_merged_municipality_becomes_todays_and_stands_once() -> None:
    opistos, faults = read_register([licence(municipality_codes=["911", "541"])])
    assert opistos[0].municipalities == ("541",)
    assert kinds(faults) == [("merged_municipality", "911")]


def test_a_repeated_code_stands_once_and_is_named_once() -> None:
    opistos, faults = read_register([licence(municipality_codes=["541", "176", "541", "541"])])
    assert opistos[0].municipalities == ("541", "176")
    assert kinds(faults) == [("repeated_municipality", "541")]


def test_an_unknown_code_is_dropped_and_the_rest_kept() -> None:
    opistos, faults = read_register([licence(municipality_codes=["908", "003"])])
    assert opistos[0].municipalities == ("908",)
    assert kinds(faults) == [("unknown_municipality", "003")]


def test_without_a_municipality_left_there_is_no_opisto() -> None:
    opistos, faults = read_register([licence(municipality_codes=["207"])])
    assert opistos == []
    assert kinds(faults) == [("unknown_municipality", "207"), ("no_municipality_left", "207")]


@pytest.mark.parametrize("name", [None, "", "  "])
def test_a_nameless_opisto_is_a_fault_and_no_opisto(name: str | None) -> None:
    opistos, faults = read_register([licence(name=name)])
    assert opistos == []
    assert kinds(faults) == [("nameless", "")]


def test_an_id_that_no_source_could_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="opisto id 'Ä/1'"):
        LicensedOpisto("Ä/1", "x", ("fi",), ("091",))


def test_the_shipped_opistos_can_all_be_sources_in_municipalities_of_today() -> None:
    opistos, faults = load_opistos()
    assert len({opisto.id for opisto in opistos}) == len(opistos) == 171
    for opisto in opistos:
        assert re.fullmatch(r"[a-z0-9.-]{1,60}", opisto.id)
        assert opisto.name
        assert opisto.languages
        assert opisto.municipalities
        assert set(opisto.municipalities) <= set(MUNICIPALITIES)
    unknown = {fault.value for fault in faults if fault.kind == "unknown_municipality"}
    merged = {fault.value for fault in faults if fault.kind == "merged_municipality"}
    assert (unknown, merged) == ({"782", "207", "003"}, {"911", "099"})


def test_the_script_writes_what_is_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [licence(municipality_codes=["911", "207"]), licence(opisto_oid=f"{OID}.2", name=None)]
    (tmp_path / "register.json").write_text(json.dumps(rows), encoding="utf-8")
    monkeypatch.setattr(register, "__file__", str(tmp_path / "register.py"))
    assert main([str(tmp_path / "register.json")]) == 0
    written = (tmp_path / "opistos.json").read_text(encoding="utf-8")
    assert written == as_json(*read_register(rows))
    assert set(json.loads(written)) == {"opistos", "faults"}


def test_the_script_called_wrongly_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
