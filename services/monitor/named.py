"""Which referrals the bytes of a record name, in whatever place: an erasure finds dead letters by these names.

An id counts in any spelling of a UUID, a code as a person may type it, both with blanks or dashes inside; the bytes are
read as the search for personal identity codes reads them. A mere look-alike costs nothing: nobody erases it.
"""

import re
from collections.abc import Iterator
from typing import Final

from services.monitor.model import MOST_SEARCHED, name_of, size_of
from shared.contracts.fields import read_referral_id
from shared.contracts.original import Original
from shared.contracts.personal_identity import seen_in
from shared.contracts.referral_code import read_code

_OF_THE_EVENT: Final = frozenset({"ce_id", "ce_causationid", "ce_traceparent"})
_BETWEEN = re.compile(r"[-\s_]")
# Both overlap, since a word may stand before one. An id is not looked for where digits stand one or two apart: that is long.
_ID = re.compile(
    r"(?<![0-9a-f])(?=(?:[0-9a-f]{1,2}[-\s_]{1,2}){0,7}+[0-9a-f]{3})"
    r"(?=([0-9a-f](?:[-\s_]{0,3}[0-9a-f]){31})(?![0-9a-f]))",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![0-9A-Za-z])(?=([0-9A-Za-z](?:[-\s_]{0,2}[0-9A-Za-z]){11})(?![0-9A-Za-z]))")


def names_in(original: Original) -> tuple[str, ...]:
    """Ids, as events have them, and names of codes, without those of the event itself and its cause.

    None of a record with more than `MOST_SEARCHED` bytes: nothing of it may be kept.
    """
    found: dict[str, None] = {}
    if size_of(original) > MOST_SEARCHED:
        return ()
    for text in _texts(original):
        found |= dict.fromkeys(filter(None, map(read_referral_id, _spelled(_ID, text))))
        found |= dict.fromkeys(name_of(code) for typed in _spelled(_CODE, text) if (code := read_code(typed)))
    return tuple(found)


def is_a_service(sender: str) -> bool:
    """Whether the sender may name another referral by `correlationid`: a partner would stand in another's trace."""
    return sender.startswith("/service/")


def referral_in(original: Original, sender: str, attributes: dict[str, str]) -> str:
    """The referral that a record is about by its subject, else by a service's correlation, else by its key; else empty."""
    key = (original.key or b"").decode(errors="replace")
    correlation = attributes.get("correlationid", "") if is_a_service(sender) else ""
    spelled = (attributes.get("subject", ""), correlation, key)
    return next((id_ for one in spelled if (id_ := read_referral_id(one))), "")


def _spelled(shape: "re.Pattern[str]", text: str) -> Iterator[str]:
    return (_BETWEEN.sub("", spelled) for spelled in shape.findall(text))


def _texts(original: Original) -> Iterator[str]:
    pieces = [original.key, *(value for name, value in original.headers if name not in _OF_THE_EVENT), original.value]
    for piece in pieces:
        yield from seen_in(piece or b"")
