"""Sessions missed in a row without a word: the one who referred is told once of each row of three or more. Pure.

A row is of sessions that counted, in order of their beginning. A session attended, one of which the participant had said
beforehand that he would not come, and one that nobody recorded end it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import msgspec

from services.referral.model import Referral, split_key
from services.referral.view import CountedSession, View
from shared.contracts.referral_events import AbsencesNoticed
from shared.engine.model import Follow

IN_A_ROW: Final = 3
_LAST: Final = datetime.max.replace(tzinfo=UTC)

Row = tuple[CountedSession, ...]


def rows_missed(sessions: Iterable[CountedSession]) -> list[Row]:
    """The rows of three or more, each as long as it is."""
    in_order = sorted(sessions, key=lambda one: (one.starts_at or _LAST, one.name))
    rows = [tuple(row) for state, row in groupby(in_order, key=lambda one: one.state) if state == "missed"]
    return [row for row in rows if len(row) >= IN_A_ROW]


def tell_absences(state: Referral, view: View) -> tuple[Referral, list[Follow]]:
    """The state that remembers the sessions told of, and the words.

    A row is new where fewer than three of its sessions were told of: one that grows, or that a correction cuts short or
    joins with another, is not.
    """
    rows = [] if view.status == "withdrawn" else rows_missed(view.sessions)
    told = set(state.absences)
    new = [row for row in rows if sum(one.name in told for one in row) < IN_A_ROW]
    told.update(one.name for row in rows for one in row)
    follow = [Follow(_noticed(state.id, row), row[0].name) for row in new]
    return msgspec.structs.replace(state, absences=tuple(sorted(told))), follow


def _noticed(referral_id: str, row: Row) -> AbsencesNoticed:
    organiser, activity_id = split_key(row[-1].activity)
    return AbsencesNoticed(referral_id=referral_id, organiser=organiser, activity_id=activity_id, in_a_row=len(row))
