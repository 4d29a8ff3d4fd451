"""The documents of docs/contracts as others' tools read them: ajv, AsyncAPI's own parser, networknt's validator.

`tests/validators/install` installs them. Each judges every schema, and every example whole, with less and broken, as
Python's jsonschema does.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.contracts.documents import all_schemas
from shared.contracts.schemas import schema_path

ROOT: Final = Path(__file__).parents[2]
KEPT: Final = ROOT / "docs" / "contracts"
HERE: Final = ROOT / "tests" / "validators"
MODULES: Final = HERE / "node_modules"
JARS: Final = HERE / "target" / "jars"
REQUIRED: Final = "LAHETE_REQUIRE_VALIDATORS"


OTHERS: Final[tuple[Any, ...]] = (
    {"nobody": "knows"},
    -(10**12),
    0.5,
    "",
    "é\n",
    "2026-09-01",
    "2026-09-01T24:61:00Z",
    True,
    [],
    ["x", "x"],
    [{}],
)


class Case(NamedTuple):
    """Data for one schema, and what Python's jsonschema says of it."""

    schema: str
    data: Any
    valid: bool


def _run(what: str, needs: Path, program: str, *arguments: str, told: object = None) -> Any:
    """The JSON that a validator prints. Skips, loudly, where it is not installed; fails where it is required."""
    found = shutil.which(program)
    if found is None or not needs.exists():
        lacks = f"{what} is not installed (tests/validators/install)"
        assert not os.environ.get(REQUIRED), f"{REQUIRED} is set, and {lacks}"
        pytest.skip(f"{lacks}: docs/contracts is NOT checked by it")
    ended = subprocess.run(
        [found, *arguments], input=json.dumps(told), capture_output=True, text=True, check=False, timeout=120, cwd=HERE
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def _cases() -> Iterator[Case]:
    for name, schema in all_schemas().items():
        judge = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        (example,) = schema["examples"]
        for data in (example, *_with_less(schema, example), *_broken(example)):
            yield Case(Path(schema_path(name)).name, data, judge.is_valid(data))


def _with_less(schema: dict[str, Any], example: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Only what is needed; each member left out; each null."""
    yield {name: example[name] for name in schema.get("required", ())}
    for name in example:
        yield {other: one for other, one in example.items() if other != name}
        yield example | {name: None}


def _broken(example: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each member of another type, out of all bounds, or with more in it than anybody expects."""
    for name in example:
        for other in OTHERS:
            yield example | {name: other}


def _agree(said: dict[str, Any], cases: list[Case]) -> None:
    assert said["faults"] == []
    assert [case for case, valid in zip(cases, said["valid"], strict=True) if case.valid is not valid] == []


def test_pythons_judge_looks_at_times_and_days() -> None:
    assert {"date", "date-time"} <= Draft202012Validator.FORMAT_CHECKER.checkers.keys()


def test_the_cases_are_of_both_kinds_for_every_schema() -> None:
    found = {(case.schema, case.valid) for case in _cases()}
    assert found == {(Path(schema_path(name)).name, valid) for name in all_schemas() for valid in (True, False)}


def test_ajv_in_its_strict_mode_takes_every_schema_and_judges_data_as_we_do() -> None:
    cases = list(_cases())
    told = [case._asdict() for case in cases]
    _agree(_run("ajv", MODULES, "node", "ajv.mjs", str(KEPT / "schemas"), told=told), cases)


def test_networknts_validator_takes_every_schema_and_judges_data_as_we_do() -> None:
    cases = list(_cases())
    told = [case._asdict() for case in cases]
    path = f"{JARS}/*"
    _agree(_run("networknt", JARS, "java", "-cp", path, "Networknt.java", str(KEPT / "schemas"), told=told), cases)


def test_asyncapis_own_parser_finds_nothing_wrong_with_either_document() -> None:
    documents = [str(KEPT / name) for name in ("asyncapi.json", "asyncapi-partners.json")]
    assert _run("@asyncapi/parser", MODULES, "node", "asyncapi.mjs", *documents) == []
