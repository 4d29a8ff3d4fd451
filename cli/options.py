"""What many verbs take."""

from pathlib import Path
from typing import Annotated

import typer

Dir = Annotated[Path, typer.Option("--dir", help="The folder of the run.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_DIR = Path(".lahete")
