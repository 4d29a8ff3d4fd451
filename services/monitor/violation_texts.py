"""A text about what a sender did wrong, to be copied into a mail. Pure.

It says which class and field, what the contract wants, how often, since when, under which ids, and what to do; never
what an event said.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.monitor.violation_wording import words_in
from services.monitor.violations import Violation, ViolationsFound
from shared.contracts.error_kind import LEFT_OUT

MOST_TOLD: Final = 10
"""Violations of one text: nobody reads more of them at once."""
_FINLAND: Final = ZoneInfo("Europe/Helsinki")
_TIME: Final = {"fi": "%-d.%-m.%Y klo %-H.%M", "sv": "%-d.%-m.%Y kl. %-H.%M", "en": "%-d %b %Y, %H:%M"}
_SAYS_WHY: Final = frozenset({"conflict", "rejected"})
"""The reasons whose error is in our own words alone; others may name what the sender wrote."""
_LONGEST: Final = 300


def text_about(sender: str, found: ViolationsFound, now: datetime, language: str) -> str:
    """The text in one language: fi, sv or en."""
    words, said = words_in(language), {"sender": sender, "now": _when(now, language)}
    if not found.violations and not found.others.letters:
        return words["none"].format_map(said) + "\n"
    told, left = found.violations[:MOST_TOLD], found.violations[MOST_TOLD:]
    parts = [words["intro"].format_map(said)]
    parts += [f"{nth}. " + "\n   ".join(_lines(one, words, language)) for nth, one in enumerate(told, 1)]
    if further := sum(one.letters for one in left) + found.others.letters:
        faults = len(left) + found.others.faults
        parts.append(words["others"].format(count=further, faults=faults))
    return "\n\n".join([*parts, words["end"]]) + "\n"


def _lines(one: Violation, words: Mapping[str, str], language: str) -> Iterator[str]:
    named, field = one.name or words["no_class"], one.field
    what = words["of_field"].format(type=named, pointer=field.pointer) if field.pointer else named
    yield f"{what}: {words[one.reason]} ({one.reason})."
    when = {"first": _when(one.first, language), "last": _when(one.last, language)}
    yield words["how_often"].format(count=one.letters, **when)
    if field.wanted:
        yield words["wanted"].format(wanted=field.wanted)
    if field.rule:
        yield words["rule"].format(rule=field.rule)
    if one.reason in _SAYS_WHY and one.error:
        yield words["answer"].format(error=_plain(one.error))
    if ids := _ids(one):
        yield words["examples"].format(ids=", ".join(ids))
    yield words[f"{one.reason}_do"]


def _ids(one: Violation) -> Sequence[str]:
    return [each.event_id or each.dl_id for each in one.examples]


def _plain(text: str) -> str:
    """One line that a mail shows as it is: marks of direction and controls left out."""
    return "".join(one if one.isprintable() else LEFT_OUT for one in text[:_LONGEST])


def _when(time: datetime, language: str) -> str:
    return time.astimezone(_FINLAND).strftime(_TIME[language])
