"""Which referrals the bytes of a record name, in whatever place: by these a dead letter is found when one is erased.

An id counts in any spelling of a UUID, a code as a person may type it; escapes of JSON and URLs, and base64, are undone.
What only looks like an id costs nothing: nobody erases it.
"""

import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from services.monitor.model import name_of
from shared.contracts.fields import read_referral_id
from shared.contracts.referral_code import read_code
from shared.engine.model import Original

_OF_THE_EVENT: Final = frozenset({"ce_id", "ce_causationid", "ce_traceparent"})
_ID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE
)
# Overlapping, since a word may stand before it.
_CODE = re.compile(r"(?<![0-9A-Za-z])(?=([0-9A-Za-z](?:[- ]?[0-9A-Za-z]){11})(?![0-9A-Za-z]))")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_BASE64 = re.compile(rb'"data_base64"\s*:\s*"([A-Za-z0-9+/=\\]*)"')


def names_in(original: Original) -> tuple[str, ...]:
    """Ids, as events have them, and names of codes; those of the event itself and its cause left out."""
    found: dict[str, None] = {}
    for text in _texts(original):
        found |= dict.fromkeys(_ids(text))
        found |= dict.fromkeys(name_of(code) for typed in _CODE.findall(text) if (code := read_code(typed)))
    return tuple(found)


def referral_in(original: Original, attributes: dict[str, str]) -> str:
    """The referral that a record is about by its subject, else by its correlation, else by its key; else empty."""
    key = (original.key or b"").decode(errors="replace")
    spelled = (attributes.get("subject", ""), attributes.get("correlationid", ""), key)
    return next((id_ for one in spelled if (id_ := read_referral_id(one))), "")


def _ids(text: str) -> Iterator[str]:
    for spelled in _ID.findall(text):
        if (id_ := read_referral_id(spelled)) is not None:
            yield id_


def _texts(original: Original) -> Iterator[str]:
    pieces = [original.key, *(value for name, value in original.headers if name not in _OF_THE_EVENT), original.value]
    for piece in pieces:
        if piece:
            yield from _read(piece)
            for encoded in _BASE64.findall(piece):
                yield from _read(_decoded(encoded))


def _read(piece: bytes) -> Iterator[str]:
    text = piece.decode(errors="replace")
    yield text
    plain = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), unquote(text)).replace("\\/", "/")
    if plain != text:
        yield plain


def _decoded(encoded: bytes) -> bytes:
    try:
        return b64decode(encoded.replace(b"\\/", b"/") + b"==")
    except NoBase64:
        return b""
