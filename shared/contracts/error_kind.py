"""What is wrong, apart from whose it is: an error's text without ids and values, and the field that it points at.

Four refusals of one fault at four referrals have one such text: it tells groups of dead letters apart, and whether a
sender hears something new. Pure.
"""

import re
from typing import Final

LEFT_OUT: Final = "…"
_SOURCE: Final = r"/(?:region|opisto|service)/[A-Za-z0-9.-]+"
_QUOTED: Final = r"(?<!\w)(?P<mark>['\"])(?:\\.|(?!(?P=mark)).)*(?:(?P=mark)|$)"
_POINTER: Final = r"(?<!\S)(?P<pointer>/[^\s:,;]+)"
_ID_OR_NUMBER: Final = r"[^\s,;()'\"]*\d[^\s,;()'\"]*"
_VALUE: Final = re.compile(f"{_QUOTED}|{_SOURCE}|{_POINTER}|{_ID_OR_NUMBER}", re.DOTALL)
_FIELD: Final = re.compile(r"[a-z_]{1,40}")
_DEEPEST: Final = 6


def without_values(error: str) -> str:
    """The text with `…` for all that is quoted, for sources, ids, times and numbers; pointers without places in lists."""
    return _VALUE.sub(_left, error)


def pointer_of(error: str) -> str:
    """The field that the error names first, as a JSON Pointer with `*` for a place or a key; empty without one."""
    found = re.match(_POINTER, error)
    return _fields(found["pointer"]) if found and not re.match(_SOURCE, error) else ""


def _left(found: re.Match[str]) -> str:
    return _fields(found["pointer"]) if found["pointer"] else LEFT_OUT


def _fields(pointer: str) -> str:
    segments = pointer[1:].split("/")[:_DEEPEST]
    return "".join(f"/{segment if _FIELD.fullmatch(segment) else '*'}" for segment in segments)
