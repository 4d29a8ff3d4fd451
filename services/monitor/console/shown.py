"""How values are shown: numbers, spans and times by language, and what others wrote, which may be hostile.

Times are Finland's; the exact one stands beside it, in UTC, for programs and for who points at it.
"""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

FINLAND: Final = ZoneInfo("Europe/Helsinki")
MOST: Final = 300
"""Characters of a value that a list shows."""
_NONE: Final = "–"
_GROUP: Final = {"fi": "\u00a0", "sv": "\u00a0", "en": ","}
_POINT: Final = {"fi": ",", "sv": ",", "en": "."}
_NOTE: Final = {"fi": "yhteensä {} merkkiä", "sv": "{} tecken i allt", "en": "{} characters in all"}
_SPANS: Final = {
    "fi": (("vrk", 86_400), ("t", 3_600), ("min", 60), ("s", 1)),
    "sv": (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)),
    "en": (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)),
}
_TIME: Final = {"fi": "%-d.%-m.%Y klo %-H.%M.%S", "sv": "%-d.%-m.%Y kl. %-H.%M.%S", "en": "%-d %b %Y, %H:%M:%S"}
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Controls, marks of direction, and what takes no room."""


def number(value: float, language: str) -> str:
    """12345.6 is `12 345,6`, in English `12,345.6`."""
    whole, _, part = f"{value:,}".partition(".")
    grouped = whole.replace(",", _GROUP[language])
    return f"{grouped}{_POINT[language]}{part}" if part else grouped


def span(seconds: float, language: str) -> str:
    """The two largest units of a span: `3 min 20 s`, `2 d 4 h`."""
    left = round(seconds)
    parts: list[str] = []
    for name, size in _SPANS[language]:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}\u00a0{name}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or f"0\u00a0{_SPANS[language][-1][0]}"


def instant(value: str | datetime | None, language: str) -> Markup | str:
    """A time in Finland, marked with the exact one; what is no time is shown as it came."""
    if not value:
        return _NONE
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        local = time.astimezone(FINLAND)
    except (ValueError, OverflowError):
        return foreign(str(value), language)
    exact = time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, local.strftime(_TIME[language]))


def foreign(value: object, language: str, most: int = MOST) -> Markup | str:
    """A text from outside: isolated, no longer than `most` characters, its marks of direction and controls made visible."""
    if value is None or value == "":
        return _NONE
    text = str(value)
    kept = Markup(_UNSEEN.sub(_mark, escape(text[:most])))  # noqa: S704 - escaped, and what is put in is ours
    if len(text) <= most:
        return Markup("<bdi>{}</bdi>").format(kept)
    note = _NOTE[language].format(number(len(text), language))
    return Markup('<bdi>{}…</bdi> <span class="note">({})</span>').format(kept, note)


def _mark(found: re.Match[str]) -> str:
    return f'<span class="mark">U+{ord(found[0]):04X}</span>'
