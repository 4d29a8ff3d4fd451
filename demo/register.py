"""The opistos of the demo, read from the ministry's register of licences with its faults named.

`python -m demo.register FILE` reads the register again and rewrites opistos.json; the demo reads that file.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from shared.reference import MERGED, MUNICIPALITIES

TAKEN_ON = "2020-03-01"
"""About when we read the register: a licence that ran out before is over."""

FaultKind = Literal[
    "unknown_municipality",
    "merged_municipality",
    "repeated_municipality",
    "nameless",
    "licence_ended",
    "no_municipality_left",
]
Row = Mapping[str, Any]

_OPISTO_ID = re.compile(r"[a-z0-9.-]{1,60}")


@dataclass(frozen=True, slots=True)
class LicensedOpisto:
    """An adult education centre: its OID, and the municipalities of today that it serves, its own first."""

    id: str
    name: str
    languages: tuple[str, ...]
    municipalities: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _OPISTO_ID.fullmatch(self.id):
            raise ValueError(f"opisto id {self.id!r}: must be 1 to 60 of [a-z0-9.-]")


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row of the register: `value` is the code, the date or the name as it stands there."""

    licence: str
    opisto: str
    kind: FaultKind
    value: str


def read_register(rows: Iterable[Row]) -> tuple[list[LicensedOpisto], list[RowFault]]:
    """One opisto for each that has a licence in force, in the register's order, and every fault met on the way.

    An ended licence gives its fault and nothing else. A code of a merged municipality is followed to today's. An
    opisto without a name, or with no municipality left, can be neither shown nor placed: it is a fault, not an opisto.
    """
    opistos: list[LicensedOpisto] = []
    faults: list[RowFault] = []
    all_rows = list(rows)
    in_force = _in_force(all_rows)
    for row in all_rows:
        if row is not in_force.get(row["opisto_oid"]):
            faults.append(_fault(row, "licence_ended", row["valid_to"] or row["valid_from"]))
            continue
        opisto, found = _read_licence(row)
        faults.extend(found)
        if opisto is not None:
            opistos.append(opisto)
    return opistos, faults


def _in_force(rows: Iterable[Row]) -> dict[str, Row]:
    """The licence that holds for each opisto; of several the one that began last."""
    held: dict[str, Row] = {}
    for row in rows:
        if row["valid_to"] is not None and row["valid_to"] < TAKEN_ON:
            continue
        other = held.get(row["opisto_oid"])
        if other is None or row["valid_from"] > other["valid_from"]:
            held[row["opisto_oid"]] = row
    return held


def _read_licence(row: Row) -> tuple[LicensedOpisto | None, list[RowFault]]:
    municipalities, faults = _municipalities(row)
    name = " ".join((row["name"] or "").split())
    if not name:
        faults.append(_fault(row, "nameless", ""))
    if not municipalities:
        faults.append(_fault(row, "no_municipality_left", " ".join(row["municipality_codes"])))
    if not name or not municipalities:
        return None, faults
    return LicensedOpisto(row["opisto_oid"], name, tuple(row["languages"]), municipalities), faults


def _municipalities(row: Row) -> tuple[tuple[str, ...], list[RowFault]]:
    codes: list[str] = row["municipality_codes"]
    kept: dict[str, None] = {}
    faults = []
    for code in dict.fromkeys(codes):
        if codes.count(code) > 1:
            faults.append(_fault(row, "repeated_municipality", code))
        if code in MERGED:
            faults.append(_fault(row, "merged_municipality", code))
        today = MERGED.get(code, code)
        if today in MUNICIPALITIES:
            kept[today] = None
        else:
            faults.append(_fault(row, "unknown_municipality", code))
    return tuple(kept), faults


def _fault(row: Row, kind: FaultKind, value: str) -> RowFault:
    return RowFault(row["licence_no"], row["opisto_oid"], kind, value)


def load_opistos() -> tuple[list[LicensedOpisto], list[RowFault]]:
    """The opistos and the register's faults as shipped in opistos.json."""
    document = json.loads(files(__package__).joinpath("opistos.json").read_text(encoding="utf-8"))
    opistos = [
        LicensedOpisto(row["id"], row["name"], tuple(row["languages"]), tuple(row["municipalities"]))
        for row in document["opistos"]
    ]
    return opistos, [RowFault(**row) for row in document["faults"]]


def opisto_sources() -> list[str]:
    """The `source` of each of them."""
    return [f"/opisto/{opisto.id}" for opisto in load_opistos()[0]]


def as_json(opistos: Iterable[LicensedOpisto], faults: Iterable[RowFault]) -> str:
    """The text of opistos.json: a line for each opisto and fault, so that a change of the register reads as a diff."""
    return f'{{"opistos": [\n{_lines(opistos)}\n], "faults": [\n{_lines(faults)}\n]}}\n'


def _lines(items: Iterable[LicensedOpisto] | Iterable[RowFault]) -> str:
    return ",\n".join(json.dumps(asdict(item), ensure_ascii=False) for item in items)


def main(arguments: list[str]) -> int:
    """Rewrites opistos.json from the register named; 2 when called wrongly."""
    if len(arguments) != 1:
        print("usage: python -m demo.register FILE", file=sys.stderr)
        return 2
    opistos, faults = read_register(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    Path(__file__).with_name("opistos.json").write_text(as_json(opistos, faults), encoding="utf-8")
    print(f"{len(opistos)} opistos, {len(faults)} faults")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
