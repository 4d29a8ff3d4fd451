"""Options of many verbs."""

from pathlib import Path
from typing import Annotated

import typer

Dir = Annotated[Path, typer.Option("--dir", help="The folder of the run, on this machine.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_DIR = Path(".lahete")

RunDir = Annotated[
    Path | None,
    typer.Option("--dir", help="The folder of the run, where it is on this machine; .lahete.", file_okay=False),
]
"""For the verbs that ask a service: they also take its address instead, and the key to ask with."""
OpsUrl = Annotated[
    str | None, typer.Option("--url", help="The monitor's address instead, wherever it runs; also LAHETE_URL.")
]
DoorUrl = Annotated[
    str | None, typer.Option("--url", help="The address of a door instead, wherever it runs; also LAHETE_URL.")
]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="The file of the key to ask with; also LAHETE_KEY_FILE.")
]
