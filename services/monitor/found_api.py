"""`/v1/found`: what a person holds, by mail, on paper or from a log, and where it leads."""

from typing import Annotated, Final, Literal, TypedDict
from urllib.parse import quote

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import responses
from services.monitor.fates import Fates, fates, letters_of
from services.monitor.found import Found, find, known_referral
from services.monitor.handlers import CANCELLED
from services.monitor.model import Dead, DeadState, Traced
from services.monitor.retention import kept_for
from services.monitor.standings import STANDINGS, place_of
from services.monitor.timeline import recorded
from services.monitor.typed import MOST_TYPED, Typed, read_typed
from shared.http.audit import deny_look, record_access
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.http.shapes import ActivityId, EventId, EventType, Organiser, ReferralId, Source
from shared.store import Store

SEE_REFERRALS: Final = ("ops", "reader")
_ASK_BY: Final = (
    "ask by a referral's id or its code, an event's id, a dead letter's, or an activity's; `/opisto/tampere "
    "kuoro-2026s` names one sender's"
)
_CODE_IN_VAIN: Final = "a code that no referral has"

Where = Annotated[str, Meta(description="Where it leads: an address of the monitor.", examples=["/v1/traces/a1b2"])]
ReferralConcerned = Annotated[
    ReferralId | None, Meta(description="The referral that it concerns; null where it concerns none.")
]


class ReferralFound(TypedDict):
    """A referral that the word leads to."""

    referral_id: ReferralId
    by: Annotated[
        Literal["id", "code", "event", "dead_letter"],
        Meta(description="What of it was asked by.", examples=["code"]),
    ]
    where: Where


class EventFound(TypedDict):
    """An event with this id."""

    source: Source
    id: EventId
    type: EventType
    recorded_at: responses.RecordedAt
    outcome: responses.Outcome
    referral_id: ReferralConcerned
    where: Where


class DeadLetterFound(TypedDict):
    """A dead letter with this id."""

    dl_id: responses.DeadLetterId
    reason: Annotated[str, Meta(description="Why, by class.", examples=["invalid"])]
    service: Annotated[str, Meta(description="Who could not take it.", examples=["referral"])]
    state: Annotated[DeadState, Meta(description="What became of it.", examples=["open"])]
    referral_id: ReferralConcerned
    where: Where


class ActivityFound(TypedDict):
    """An activity with this id, of one organiser."""

    organiser: Organiser
    activity_id: ActivityId
    events: Annotated[
        int, Meta(ge=1, description="How many events its organiser sent of it, 300 at most.", examples=[2])
    ]
    first_at: responses.RecordedAt
    last_at: responses.RecordedAt
    cancelled: Annotated[bool, Meta(description="Whether its organiser cancelled it.", examples=[False])]
    placed: Annotated[
        int, Meta(ge=0, description="How many referrals hold a place there, without tests'.", examples=[3])
    ]
    where: Where


class FoundNow(TypedDict):
    """All that is known by one word."""

    referrals: Annotated[list[ReferralFound], Meta(description="The referrals that it leads to.")]
    events: Annotated[list[EventFound], Meta(description="Events with this id, each of another sender.")]
    dead_letters: Annotated[list[DeadLetterFound], Meta(description="The dead letter with this id.")]
    activities: Annotated[list[ActivityFound], Meta(description="Activities with this id, each of another organiser.")]
    silent: responses.Silent


async def found(request: Request) -> Response:
    """What a text as typed leads to: a referral's id or code, an event's id, a dead letter's, an activity's.

    For ops and readers. Blanks, case, hyphens and look-alikes are forgiven as far as ids allow.
    """
    state, typed = request.app.state, read_typed(_typed(request))
    who = await who_may_look(request, "trace", typed)
    known = await find_or_say(request, who, typed)
    what = typed.referral_id or known.referral_id or typed.text
    await record_access(request, who, "trace", what, "operations", allowed=True, about=known.referrals)
    became = await fates(state.store, state.owners, known.events, await letters_of(state.store, known.events))
    activities = [await _activity(state.store, organiser, some) for organiser, some in known.activities.items()]
    return JSONResponse(_answer(typed, known, became, activities))


_Q: Final = Parameter(
    "q",
    "A referral's id or code, an event's id, a dead letter's, or an activity's, in any spelling.",
    example="dkgd-m5f8-qk4v",
    minLength=1,
    maxLength=MOST_TYPED,
)
OPERATION: Final = Operation("GET", "/v1/found", found, {200: FoundNow}, SEE_REFERRALS, (_Q,), also=(404,))


def _typed(request: Request) -> str:
    typed = _Q.value(request) or ""
    if not typed.strip() or len(typed) > MOST_TYPED:
        raise _Q.refused(
            typed, f"it has 1 to {MOST_TYPED} characters; {_ASK_BY}", f"it has 1 to {MOST_TYPED} characters"
        )
    return typed


# --- who may look, and what is said where nothing is known: for traces too


async def who_may_look(request: Request, action: str, typed: Typed) -> str:
    """Ops or a reader. Whoever else asks is refused, and that is kept for the referral whose id was asked. Raises 403."""
    if role_of(who := who_asks(request)) not in SEE_REFERRALS:
        known = await known_referral(request.app.state.store, typed)
        what = typed.referral_id or f"a {action} by another word"
        await deny_look(request, who, action, what, *SEE_REFERRALS, about=[known] if known else [])
    return who


async def find_or_say(request: Request, who: str, typed: Typed) -> Found:
    """All that is known by the word. Raises 404, and 429 to who asks in vain too often: a code must not be guessed."""
    known = await find(request.app.state.store, typed)
    if known.is_nothing:
        if typed.code:
            await record_access(request, who, "trace", _CODE_IN_VAIN, "operations", allowed=False)
        else:
            request.app.state.rates.denied.take(who)
        kept = kept_for(request.app.state.settings)
        raise ProblemError(404, f"nothing is known by {typed.text[:60]!r}: {_ASK_BY}; {kept}")
    return known


# --- how it is shown


def _answer(typed: Typed, known: Found, became: Fates, activities: list[ActivityFound]) -> FoundNow:
    letters = [known.letter] if known.letter else []
    return {
        "referrals": [_referral(one, _by(one, typed, known)) for one in known.referrals],
        "events": [_event(one, became.of[one.source, one.id]) for one in known.events],
        "dead_letters": [_dead_letter(one) for one in letters],
        "activities": activities,
        "silent": sorted(became.silent),
    }


def _by(referral_id: str, typed: Typed, known: Found) -> Literal["id", "code", "event", "dead_letter"]:
    if referral_id == known.referral_id:
        return "id" if referral_id == typed.referral_id else "code"
    return "dead_letter" if known.letter and referral_id == known.letter.referral_id else "event"


def _referral(referral_id: str, by: Literal["id", "code", "event", "dead_letter"]) -> ReferralFound:
    return {"referral_id": referral_id, "by": by, "where": f"/v1/traces/{referral_id}"}


def _event(one: Traced, outcome: str | None) -> EventFound:
    return {
        "source": one.source,
        "id": one.id,
        "type": one.type,
        "recorded_at": recorded(one),
        "outcome": outcome,
        "referral_id": one.correlation or None,
        "where": f"/v1/events/{quote(one.id, safe='')}?source={quote(one.source)}",
    }


def _dead_letter(one: Dead) -> DeadLetterFound:
    return {
        "dl_id": one.dl_id,
        "reason": one.reason,
        "service": one.service,
        "state": one.state,
        "referral_id": one.referral_id or None,
        "where": f"/v1/dead-letters/{quote(one.dl_id, safe='')}",
    }


async def _activity(store: Store, organiser: str, events: list[Traced]) -> ActivityFound:
    activity_id = events[0].subject
    return {
        "organiser": organiser,
        "activity_id": activity_id,
        "events": len(events),
        "first_at": recorded(events[0]),
        "last_at": recorded(events[-1]),
        "cancelled": any(one.type == CANCELLED for one in events),
        "placed": await store.count(STANDINGS.collection.name, {"place": place_of(organiser, activity_id)}),
        "where": f"/v1/traces/{quote(activity_id, safe='')}?source={quote(organiser)}",
    }
