"""How verbs print: a table on a terminal, lines with tabs elsewhere, JSON on request.

Texts from outside are shown without the characters that could steer the terminal.
"""

import json
import sys
from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def printable(value: object) -> str:
    """A value in one line; empty for None."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(printable(member) for member in value)
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))


def short(type_: str) -> str:
    """A class without the prefix that all have; senders may name any."""
    return type_.removeprefix("fi.kulttuurilahete.")


def line(text: str) -> None:
    """One line of the answer, at once."""
    typer.echo(printable(text))


def complain(text: str) -> None:
    """One line on standard error."""
    typer.echo(printable(text), err=True)


def must_agree(question: str, *, yes: bool) -> None:
    """Goes on where the person says yes, or has said so by `--yes`. Ends the verb otherwise."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Nobody is here to ask: say --yes")
    typer.confirm(printable(question), abort=True, err=True)


def as_json(value: object) -> None:
    """The answer as JSON."""
    typer.echo(_written(json.dumps(value, ensure_ascii=False, indent=2)))


def as_json_line(value: object) -> None:
    """One line of JSON Lines, at once."""
    typer.echo(_written(json.dumps(value, ensure_ascii=False)))


def _written(text: str) -> str:
    """The same JSON, with an escape for each character that could steer the terminal: it stands in a string of it."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """The answer as a table: columns with tabs where it goes to a file or another program."""
    shown = [[printable(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in ([*columns], *shown):
            typer.echo("\t".join(row))
        return
    drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in shown:
        drawn.add_row(*(Text(value) for value in row))
    Console().print(drawn)
