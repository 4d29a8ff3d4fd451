"""What the contract wants of a field, by the schemas of `docs/contracts`. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from shared.contracts.messages import structured_event
from shared.contracts.registry import CLASSES, known_class
from shared.contracts.schemas import json_schema

Schema = Mapping[str, Any]
_ANY: Final = "*"
_DATA: Final = "data"
_NULL: Final = {"type": "null"}
_MACHINES: Final = frozenset({"description", "examples", "default", "title", "properties", "required", "$defs", "$ref"})
"""What a rule leaves out: words for people, and what stands one level below."""


class ContractField(NamedTuple):
    """A field, as deep as the contract knows it: a sender's own names are no part of the pointer."""

    pointer: str
    """A JSON Pointer into the event, `*` for a place in a list or a key; empty where the contract knows none of it."""
    wanted: str = ""
    """What the field means, in the words of its schema, which are English."""
    rule: str = ""
    """What its value must be, as JSON Schema in one line; empty where nothing more is said."""


def contract_field(type_: str, pointer: str) -> ContractField:
    """The field of this class at which the pointer leads, or the deepest one above it that the contract knows."""
    first, *segments = pointer.removeprefix("/").split("/")
    if first != _DATA:
        return _below(structured_event(), "", [first])
    known = known_class(type_)
    if known is None:
        return ContractField("")
    return _below(_schema(known.name), f"/{_DATA}", segments)


@lru_cache(maxsize=64)
def _schema(name: str) -> Schema:
    return json_schema(CLASSES[name])


def _below(root: Schema, pointer: str, segments: list[str]) -> ContractField:
    # A class's description goes on with who sends it.
    found, here = ContractField(pointer, root.get("description", "").partition("\n\n")[0]), root
    for segment in segments:
        step = _step(_plain(here, root), segment)
        if step is None:
            break
        name, here = step
        pointer = f"{pointer}/{name}"
        inside = _plain(here, root)
        wanted = here.get("description") or inside.get("description") or found.wanted
        found = ContractField(pointer, wanted, _rule(inside))
    return found


def _step(schema: Schema, segment: str) -> tuple[str, Schema] | None:
    """The name of the member in the contract, and its schema."""
    if segment in (named := schema.get("properties", {})):
        return segment, named[segment]
    inside = schema.get("items", schema.get("additionalProperties"))
    return (_ANY, inside) if isinstance(inside, Mapping) else None


def _plain(schema: Schema, root: Schema) -> Schema:
    """What a reference names, and of a field that may be null what it else is."""
    if "$ref" in schema:
        return _plain(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    branches = [one for one in schema.get("anyOf", ()) if one != _NULL]
    return _plain(branches[0], root) if len(branches) == 1 else schema


def _rule(schema: Schema) -> str:
    said = {name: value for name, value in schema.items() if name not in _MACHINES}
    shown = {name: _inline(value) for name, value in said.items()}
    return msgspec.json.encode(shown).decode() if shown else ""


def _inline(value: Any) -> Any:
    if isinstance(value, list):
        return [_inline(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {name: _inline(one) for name, one in value.items() if name not in _MACHINES}
