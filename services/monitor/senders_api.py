"""What each sender sent, whether it is unusually silent or loud, and counts a day and class to reconcile with."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Annotated, Final, TypedDict

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import violation_reports_api, violations_api
from services.monitor.projections.counts import HELSINKI
from services.monitor.sender_watch import PartnerSending, SenderWatch
from services.monitor.sending import SentInADay
from services.monitor.silence import Usual
from shared.contracts.envelope import written
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.http.keys import must_be, role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import OneOf, Parameter
from shared.http.problems import ProblemError
from shared.http.shapes import Count, Time

_ORDER: Final[Sequence[Usual]] = ("silent", "loud", "usual", "unknown")
_USUAL: Final = OneOf("usual", _ORDER, "Only those of whom this is so.")
_KIND: Final = Parameter("kind", "The kind of partner.", example="region")
_ID: Final = Parameter("id", "A region's code or an opisto's id.", example="06")
Source = Annotated[str, Meta(description="The sender.", examples=["/region/06"])]


class SenderShown(TypedDict):
    """A sender of late."""

    sender: Source
    usual: Annotated[
        Usual,
        Meta(
            description="Whether it sends as before, by weekday and hour of eight weeks; `unknown`: it is new, for four"
            " weeks, or too rare to judge."
        ),
    ]
    last_at: Annotated[Time | None, Meta(description="When its last event came; null: none did.")]
    chance: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="How likely such silence is in a sender that is as before, 0 to 1; the greater the more.",
            examples=[0.4],
        ),
    ]
    today: Annotated[Count, Meta(description="How many events came today, in Finland.")]
    week: Annotated[Count, Meta(description="How many events came in the last seven days, today among them.")]
    repeated: Annotated[Count, Meta(description="How many of these had come before, under the same id.")]
    refused: Annotated[Count, Meta(description="How many times one of these could not be taken.")]
    ahead_seconds: Annotated[
        float, Meta(ge=0, description="By how many seconds its clock was ahead of ours at most.", examples=[0.0])
    ]


class SendersOfLate(TypedDict):
    """The senders: who is silent stands first, then who is loud."""

    senders: Annotated[list[SenderShown], Meta(description="All of them.")]


class SentShown(TypedDict):
    """What came of one class on one day."""

    day: Annotated[str, Meta(description="The day in Finland.", examples=["2026-09-01"])]
    type: Annotated[str, Meta(description="The class; `?` where it is none.", examples=["ReferralIssued"])]
    events: Annotated[Count, Meta(description="How many records came, repeated ones too.")]
    repeated: Annotated[Count, Meta(description="How many of these had come before: under the same id, on any day.")]
    refused: Annotated[Count, Meta(description="How many times one could not be taken.")]
    hours: Annotated[
        list[Annotated[int, Meta(ge=0, examples=[3])]],
        Meta(description="The records of each hour in Finland, from midnight on."),
    ]


class SentByOne(TypedDict):
    """What one sender sent, a day and class."""

    sender: Source
    sent: Annotated[list[SentShown], Meta(description="The newest day first.")]


def operations() -> list[Operation]:
    """The senders' addresses."""
    own = (*PARTNER_KINDS, "ops", "reader")
    return [
        Operation("GET", "/v1/senders", senders, {200: SendersOfLate}, ("ops", "reader"), (_USUAL,)),
        Operation("GET", "/v1/senders/{kind}/{id}", one_sender, {200: SentByOne}, own, (_KIND, _ID), also=(404,)),
        violations_api.OPERATION,
        violation_reports_api.OPERATION,
    ]


async def senders(request: Request) -> Response:
    """Every sender of the last months: whether it sends as before, and what came today and in a week."""
    must_be(request, "ops", "reader")
    usual = _USUAL.of(request)
    found = [one for one in await _known(request) if usual in (None, one.verdict.usual)]
    today = request.app.state.clock.now()
    ordered = sorted(found, key=lambda one: (_ORDER.index(one.verdict.usual), one.source))
    return JSONResponse(SendersOfLate(senders=[_shown(one, today) for one in ordered]))


async def one_sender(request: Request) -> Response:
    """What one sender sent, a day and class, to reconcile with; for ops, readers, and the sender itself."""
    who = who_asks(request)
    source = f"/{request.path_params['kind']}/{request.path_params['id']}"
    if role_of(who) not in {"ops", "reader"} and who != source:
        raise ProblemError(403, f"{who} may see what it sent itself, not what {source[:80]} sent")
    sender = next((one for one in await _known(request) if one.source == source), None)
    if sender is None:
        raise ProblemError(
            404, f"nothing has come of {source[:80]} in the last months; a sender is /region/06 or the like"
        )
    newest_first = sorted(sender.rows, key=lambda row: (-datetime.fromisoformat(row.day).timestamp(), row.name))
    return JSONResponse(SentByOne(sender=source, sent=[_sent(row) for row in newest_first]))


async def _known(request: Request) -> list[PartnerSending]:
    watch: SenderWatch = request.app.state.sender_watch
    return await watch.senders(request.app.state.store, request.app.state.clock.now())


def _shown(one: PartnerSending, now: datetime) -> SenderShown:
    day = now.astimezone(HELSINKI).date()
    today = day.isoformat()
    week = list(_since(one.rows, (day - timedelta(days=6)).isoformat()))
    sent = [(row.day, row.total) for row in week]
    last = one.verdict.since
    return {
        "sender": one.source,
        "usual": one.verdict.usual,
        "last_at": written(last.astimezone(UTC)) if last else None,
        "chance": round(one.verdict.chance, 6),
        "today": sum(events for on, events in sent if on == today),
        "week": sum(events for _, events in sent),
        "repeated": sum(row.repeated for row in week),
        "refused": sum(row.refused for row in week),
        "ahead_seconds": max((row.ahead for row in week), default=0.0),
    }


def _since(rows: Sequence[SentInADay], day: str) -> Iterator[SentInADay]:
    """The rows from this day on; they stand the oldest first, five months of them."""
    return takewhile(lambda row: row.day >= day, reversed(rows))


def _sent(row: SentInADay) -> SentShown:
    return {
        "day": row.day,
        "type": row.name,
        "events": row.total,
        "repeated": row.repeated,
        "refused": row.refused,
        "hours": row.hours,
    }
