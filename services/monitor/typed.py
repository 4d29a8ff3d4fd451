"""What a person may have typed: an id, a code, an activity, in whatever spelling. Pure."""

import re
import unicodedata
from typing import Final, NamedTuple

from shared.contracts.fields import read_referral_id
from shared.contracts.referral_code import read_code

MOST_TYPED: Final = 200
"""Characters; a longer text is nothing that the platform gave to anybody."""
_NOT_SHOWN: Final = frozenset({"Cc", "Cf"})
_OF_A_SENDER: Final = re.compile(r"(/[a-z]+/[a-z0-9.-]{1,60})[ /]\s*(\S{1,64})")


class Typed(NamedTuple):
    """One text, by all that it can be read as."""

    text: str
    """Without blanks at its ends and without marks that are not shown."""
    ids: tuple[str, ...]
    """The text, and if it is a UUID that as events have it."""
    referral_id: str | None
    code: str | None
    sender: str = ""
    """Who is named before an id, as in `/opisto/tampere kuoro-2026s`."""


def read_typed(typed: str, sender: str = "") -> Typed:
    """All that the text may mean; an id of this sender's, where one is named."""
    text = _as_seen(typed)
    if sender:
        return Typed(text, (text,), None, None, sender)
    id_ = read_referral_id("".join(text.split()))
    if named := _OF_A_SENDER.fullmatch(text):
        return Typed(text, (named[2],), None, None, named[1])
    return Typed(text, tuple(dict.fromkeys((text, id_ or text))), id_, read_code(text))


def _as_seen(typed: str) -> str:
    """What comes by mail or from a page may hold marks that nobody sees, and other dashes than were typed."""
    shown = (character for character in typed if unicodedata.category(character) not in _NOT_SHOWN or character == "\t")
    return "".join("-" if unicodedata.category(one) == "Pd" else one for one in shown).strip()
