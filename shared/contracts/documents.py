"""The contracts as files for others, kept in `docs/contracts`: generated from the models, never written by hand."""

import json
from pathlib import Path

from shared.contracts.asyncapi import asyncapi
from shared.contracts.asyncapi_partners import asyncapi_partners
from shared.contracts.extracts import EXTRACTS
from shared.contracts.registry import CLASSES
from shared.contracts.schemas import Document, extract_schema, json_schema, schema_path


def all_schemas() -> dict[str, Document]:
    """The JSON Schema of every class and of every extract, by its name."""
    classes = {name: json_schema(event_class) for name, event_class in CLASSES.items()}
    return classes | {name: extract_schema(extract) for name, extract in EXTRACTS.items()}


def documents(openapi: Document) -> dict[str, str]:
    """Every kept file's text, by its path under `docs/contracts`. `openapi` comes from the services, a room above."""
    schemas = {schema_path(name): schema for name, schema in all_schemas().items()}
    of_all = {"asyncapi.json": asyncapi(), "asyncapi-partners.json": asyncapi_partners(), "openapi.json": openapi}
    return {path: _text(document) for path, document in (schemas | of_all).items()}


def _text(document: Document) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(folder: Path, openapi: Document) -> list[Path]:
    """Writes every document under the folder. Removes nothing: `stale` names what no class has any more."""
    written = []
    for path, text in documents(openapi).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        written.append(target)
    return written


def stale(folder: Path, openapi: Document) -> list[str]:
    """The files under the folder that differ from what `write` would write, one line a file."""
    wanted = documents(openapi)
    kept = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.json")}
    lines = [f"{path}: is missing" for path in wanted.keys() - kept.keys()]
    lines += [f"{path}: no class has it" for path in kept.keys() - wanted.keys()]
    lines += [
        f"{path}: differs from the models"
        for path in wanted.keys() & kept.keys()
        if kept[path].read_bytes() != wanted[path].encode()
    ]
    return sorted(lines)
