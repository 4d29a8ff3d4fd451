"""Notify's HTTP: each partner's feed, readable again from any cursor, and the deliveries to each."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.notify.decide import FEED
from services.notify.model import Recipient, ToldReferral
from services.notify.reading import tell_read
from services.notify.responses import Deliveries, Delivery, Feed
from shared.contracts.errors import Problem
from shared.contracts.fields import read_referral_id
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.engine.model import Document
from shared.http.audit import NO_GROUND, REFERRAL_ID, record_access
from shared.http.keys import must_be, role_of
from shared.http.operations import Operation
from shared.http.parameters import Number, OneOf, Pattern
from shared.http.problem_types import BEYOND_THE_END
from shared.http.problems import ProblemError
from shared.store import Written

_REFERRALS = msgspec.json.Decoder(Document[ToldReferral])
_RECIPIENT = msgspec.json.Decoder(Document[Recipient])
MOST = 1_000
"""Deliveries that are shown at once."""

_AFTER: Final = Pattern(
    "after",
    "[0-9]{0,15}",
    "a cursor that a feed gave",
    "Where to go on: the `next` of the answer before.",
    example="17",
)
_LIMIT: Final = Number("limit", 100, 1, 500, "How many events at most.")
_STATE: Final = OneOf("state", ("delivered",), "Those in this state alone.")


def operations() -> list[Operation]:
    """Notify's addresses."""
    partners, readers = PARTNER_KINDS, (*PARTNER_KINDS, "ops", "service")
    return [
        Operation("GET", "/v1/feed", feed, {200: Feed}, partners, (_AFTER, _LIMIT)),
        Operation("GET", "/v1/deliveries", deliveries, {200: Deliveries}, readers, (REFERRAL_ID, _STATE)),
    ]


async def feed(request: Request) -> Response:
    """All events for the key's partner, in order, as structured CloudEvents; readable again from any cursor."""
    who = must_be(request, *PARTNER_KINDS)
    known = _AFTER.of(request)
    after = known[0] or "0" if known else "0"
    limit = _LIMIT.of(request)
    rows = _unbroken(int(after), await request.app.state.store.read(FEED, who, after=int(after), limit=limit))
    entries = [msgspec.json.decode(row.body) for row in rows]
    if not rows:
        await _must_have_come_so_far(request, who, after)
    await tell_read(request, who, int(after))
    cursor = str(rows[-1].number) if rows else after
    return JSONResponse(Feed(events=[entry for entry in entries if not entry.get("erased")], next=cursor))


async def _must_have_come_so_far(request: Request, who: str, after: str) -> None:
    """Raises 422 at a cursor beyond the end: after a restore a feed uses those numbers again for new entries."""
    if int(after) > (last := await _last(request, who)):
        raise _AFTER.refused(
            after,
            f"your feed ends at {last}: where it was restored from a backup, read it again from after=0",
            "is beyond it",
            BEYOND_THE_END,
        )


def _unbroken(after: int, rows: list[Written]) -> list[Written]:
    """Entries up to the first gap: a reader must not jump over an entry that is decided and not inserted yet."""
    whole = []
    for expected, row in enumerate(rows, start=after + 1):
        if row.number != expected:
            break
        whole.append(row)
    return whole


async def deliveries(request: Request) -> Response:
    """Deliveries: the recipient's own, or anybody's of one referral for ops."""
    who = must_be(request, *PARTNER_KINDS, "ops", "service")
    _STATE.of(request)
    referral_id = _referral_asked(request)
    if role_of(who) in {"ops", "service"} and referral_id is None:
        raise ProblemError(422, "ops name a referral: ?referral_id=<its id>", [Problem("/referral_id", "is needed")])
    store = request.app.state.store
    if referral_id is not None:
        owners = await store.owners(FEED, referral_id) if role_of(who) in {"ops", "service"} else [who]
        # Each its share: who is told of a thousand refusals hides nothing from the others.
        share = MOST // max(1, len(owners))
        rows = [row for owner in owners for row in await store.about(FEED, owner, referral_id, limit=share)]
    else:
        rows = await store.read(FEED, who, after=await _tail(request, who), limit=MOST)
    # What a partner was told itself is kept as disclosed to it already.
    if referral_id is not None and any(row.owner != who for row in rows):
        await record_access(request, who, "deliveries", referral_id, "operations", allowed=True, about=[referral_id])
    if referral_id is not None and not rows and role_of(who) in PARTNER_KINDS:
        await _deny_to_others(request, who, referral_id)
    return JSONResponse(Deliveries(deliveries=[_delivery(row) for row in rows]))


async def _deny_to_others(request: Request, who: str, referral_id: str) -> None:
    """Answers with no deliveries, as for an unknown referral; the audit keeps both looks. Raises 429, 503."""
    rows = await request.app.state.store.load("referrals", [referral_id])
    state = _REFERRALS.decode(rows[referral_id].body).state if referral_id in rows else None
    if state is None or who not in {state.issuer, *state.recipients}:
        about = [referral_id] if state and state.issuer else []
        await record_access(request, who, "deliveries", referral_id, NO_GROUND, allowed=False, about=about)


def _referral_asked(request: Request) -> str | None:
    if (spelled := REFERRAL_ID.value(request)) is None:
        return None
    if (referral_id := read_referral_id(spelled)) is None:
        raise REFERRAL_ID.refused(spelled, "it is a UUID")
    return referral_id


async def _tail(request: Request, who: str) -> int:
    return max(0, await _last(request, who) - MOST)


async def _last(request: Request, who: str) -> int:
    """The number of the feed's newest entry; 0 where there is none."""
    rows = await request.app.state.store.load("recipients", [who])
    state = _RECIPIENT.decode(rows[who].body).state if who in rows else None
    return state.last if state else 0


def _delivery(row: Written) -> Delivery:
    entry = msgspec.json.decode(row.body)
    return {
        "recipient": row.owner,
        "referral_id": row.about or None,
        "cursor": str(row.number),
        "channel": "feed",
        "state": "delivered",
        "type": entry.get("type"),
        "event_id": entry.get("id"),
        "event_source": entry.get("source"),
        "time": entry.get("time"),
    }
