"""`lahete contracts`."""

from pathlib import Path
from typing import Annotated

import typer

from cli import terminal
from cli.failure import VerbError
from cli.options import Json
from shared.contracts import documents
from shared.contracts.asyncapi import asyncapi
from shared.contracts.asyncapi_partners import asyncapi_partners


def contracts(
    out: Annotated[Path | None, typer.Option(file_okay=False, help="Write one file each to this folder.")] = None,
    *,
    json: Json = False,
) -> None:
    """Print the JSON Schema of every class, the AsyncAPI and the OpenAPI document as one JSON object, or write them to a folder."""
    from cli.openapi import document

    if out is None:
        shown = documents.all_schemas()
        terminal.as_json(
            {"asyncapi": asyncapi(), "asyncapi-partners": asyncapi_partners(), "openapi": document(), "schemas": shown}
        )
        return
    try:
        written = documents.write(out, document())
    except OSError as error:
        raise VerbError(f"{error.filename or out}: {error.strerror}") from error
    if json:
        terminal.as_json([str(path) for path in written])
        return
    for path in written:
        terminal.line(str(path))
