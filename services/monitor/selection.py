"""Which dead letters are meant: by what they have in common, and from when to when. Read page by page, by a cursor."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, get_args

import msgspec
from starlette.requests import Request

from services.monitor.model import Dead, DeadState
from shared.contracts.errors import REASONS
from shared.contracts.fields import SOURCE
from shared.contracts.topics import SERVICES
from shared.engine.model import Document
from shared.http.parameters import After, OneOf, Parameter, Pattern, further
from shared.store import Row, Store
from shared.store.interface import Scalar

_WHOLE = msgspec.json.Decoder(Document[Dead])
_BRIEF = msgspec.json.Decoder(Dead)
_EARLIEST: Final = "2026-09-01T08:00:00+03:00"
_REASON: Final = OneOf("reason", REASONS, "Why they could not be taken.", examples=["invalid"])
_SERVICE: Final = OneOf("service", SERVICES, "Which service could not take them.", examples=["referral"])
_STATE: Final = OneOf("state", get_args(DeadState), "What has become of them.", examples=["open"])
_SENDER: Final = Pattern("sender", SOURCE, "a sender, such as /region/06", "Whose they are.", example="/region/06")
_TYPE: Final = Parameter("type", "Of which class.", example="fi.kulttuurilahete.ReferralIssued.v1")
_GROUP: Final = Parameter("group", "Of which group.", example="1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b")
_FROM: Final = Parameter("from", "From when on, RFC 3339 with an offset.", example=_EARLIEST, format="date-time")
_TO: Final = Parameter("to", "Until when, RFC 3339 with an offset.", example=_EARLIEST, format="date-time")
FILTERS: Final = (_REASON, _SERVICE, _STATE, _SENDER, _TYPE, _GROUP, _FROM, _TO)
AFTER: Final = After("[A-Za-z0-9._:-]{1,64}", "1788249600.0~0f2d7c3e-8a51-5b64-9c0d-3e1f6a2d8c11")


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the chosen letters have in common; empty: any. Times in seconds since 1970."""

    reason: str = ""
    service: str = ""
    state: str = ""
    sender: str = ""
    type: str = ""
    group: str = ""
    since: float | None = None
    until: float | None = None

    @property
    def equal(self) -> dict[str, Scalar]:
        """By the fields that the store finds letters by."""
        said = {name: getattr(self, name) for name in ("reason", "service", "state", "sender", "type")}
        return {name: value for name, value in {**said, "fault": self.group}.items() if value}


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The place behind one letter, in order of time."""

    at: float
    dl_id: str

    def __str__(self) -> str:
        return further(self.at, self.dl_id)


def behind(letter: Dead) -> Cursor:
    """The place behind this letter."""
    return Cursor(letter.time.timestamp(), letter.dl_id)


def selection_of(request: Request) -> Selection:
    """What the question's parameters choose. Raises 422."""
    return Selection(
        reason=_REASON.of(request) or "",
        service=_SERVICE.of(request) or "",
        state=_STATE.of(request) or "",
        sender=sender[0] if (sender := _SENDER.of(request)) else "",
        type=_TYPE.value(request) or "",
        group=_GROUP.value(request) or "",
        since=_time(request, _FROM),
        until=_time(request, _TO),
    )


def cursor_of(request: Request) -> Cursor | None:
    """Where the question goes on. Raises 422."""
    place = AFTER.place(request)
    return Cursor(*place) if place else None


async def chosen(
    store: Store, meant: Selection, *, limit: int, after: Cursor | None = None, newest_first: bool = True
) -> list[Dead]:
    """The letters that are meant, without their records, in order of time."""
    rows = await store.find(
        "dead_letters",
        equal=meant.equal,
        # With a bound always: the index on a time leaves out what has none, so that only a bound reads by it.
        at_least=("at", meant.since or 0.0),
        at_most=_bound(meant.until),
        order="at",
        descending=newest_first,
        limit=limit,
        after=(after.at, after.dl_id) if after else None,
        what="brief",
    )
    return await _decoded(store, rows)


async def counted(store: Store, meant: Selection, most: int) -> int:
    """How many letters are meant, counted up to `most`."""
    return await store.count(
        "dead_letters", meant.equal, at_least=_bound(meant.since), at_most=_bound(meant.until), most=most
    )


async def whole(store: Store, dl_ids: Sequence[str]) -> list[Dead]:
    """The letters of these ids that there are, with their records, in this order."""
    rows = await store.load("dead_letters", dl_ids)
    letters = [_WHOLE.decode(rows[one].body).state for one in dl_ids if one in rows]
    return [letter for letter in letters if letter]


async def loaded(store: Store, dl_ids: Sequence[str]) -> list[Dead]:
    """The letters of these ids that there are, each once, without their records, in this order."""
    rows = await store.load("dead_letters", dl_ids, what="brief")
    return await _decoded(store, [rows[one] for one in dict.fromkeys(dl_ids) if one in rows])


async def _decoded(store: Store, rows: Sequence[Row]) -> list[Dead]:
    """Loads those whole that were kept before letters had a summary."""
    older = await store.load("dead_letters", [row.id for row in rows if not row.brief])
    letters = [_BRIEF.decode(row.brief) if row.brief else _WHOLE.decode(older[row.id].body).state for row in rows]
    return [letter for letter in letters if letter]


def _bound(time: float | None) -> tuple[str, float] | None:
    return None if time is None else ("at", time)


def _time(request: Request, parameter: Parameter) -> float | None:
    value = parameter.value(request)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError as error:
        raise parameter.refused(value, f"it is a time such as {_EARLIEST}") from error
    if time.tzinfo is None:
        raise parameter.refused(value, "it needs an offset, such as +03:00")
    return time.timestamp()
