"""A feed's entry beside the schema that it claims, as a partner would read it: from docs/contracts."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

_KEPT: Final = Path(__file__).parents[1] / "docs" / "contracts" / "schemas"


def faults_of(entry: dict[str, Any]) -> list[str]:
    """What in the entry's data breaks the schema that its `dataschema` names, one line each."""
    return [f"{error.json_path}: {error.message}" for error in _claimed(entry["dataschema"]).iter_errors(entry["data"])]


@cache
def _claimed(dataschema: str) -> Draft202012Validator:
    for path in _KEPT.glob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        if schema["$id"] == dataschema:
            return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    raise LookupError(f"no schema of docs/contracts is called {dataschema}")
