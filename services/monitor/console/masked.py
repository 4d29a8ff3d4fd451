"""A dead letter's record with its values covered: what it is made of can be seen, and nothing that it says.

Pure: no clock, no I/O.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

COVER: Final = "•••"
_MOST: Final = 64 * 1024
"""Bytes of JSON whose structure is shown."""
_TOLD: Final = frozenset({"ce_specversion", "ce_type", "ce_time", "ce_datacontenttype", "content-type"})
"""Headers that say what a record is, and nothing of anybody."""


def masked(original: Mapping[str, Any]) -> dict[str, Any]:
    """The same record, its values covered."""
    return {
        **original,
        "key": _covered(original["key"]),
        "value": _structure(original["value"]),
        "headers": [(name, value if name in _TOLD else _covered(value)) for name, value in original["headers"]],
    }


def _covered(text: str | None) -> str | None:
    return COVER if text else text


def _structure(text: str | None) -> str | None:
    """JSON with its values covered; of anything else how long it is."""
    if not text or len(text) > _MOST:
        return f"{COVER} ({len(text)})" if text else text
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return f"{COVER} ({len(text)})"
    return msgspec.json.format(msgspec.json.encode(_cover(document)), indent=2).decode()


def _cover(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cover(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_cover(inside) for inside in value]
    return value if value is None else COVER
