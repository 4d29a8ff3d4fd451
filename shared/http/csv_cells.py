"""Rows for a spreadsheet: what others wrote is text there too, never a formula, and nothing in it steers what shows it."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_BEGINS_A_FORMULA: Final = frozenset("=+-@|%")


def in_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows as RFC 4180 has them, each cell quoted; None is empty."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return written.getvalue()


def cell(value: object) -> str:
    """The value in one line, behind an apostrophe where a spreadsheet would take it for a formula.

    Blanks and look-alikes of compatibility before or for the sign count as well: programs differ in what they leave out.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))
    begins = unicodedata.normalize("NFKC", text).lstrip()[:1]
    return f"'{text}" if begins in _BEGINS_A_FORMULA and begins else text
