"""Groups of dead letters for ops: how many came within an hour, a day, seven days, and what the team notes of each."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypedDict
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.dead_groups import Counts, DeadGroup, Rank, fault_of, ranked
from services.monitor.dead_letter_lists_api import must_be_ops
from services.monitor.own_words import say
from services.monitor.responses import DeadLetterId
from services.monitor.selection import Selection, chosen
from shared.clock import real_now
from shared.contracts.envelope import written
from shared.engine.model import Document
from shared.http.body import read_json
from shared.http.intake import must_be_open
from shared.http.operations import Operation, in_json
from shared.http.parameters import Number, Parameter, Pattern
from shared.http.problems import ProblemError
from shared.http.shapes import Count, EventType, Time
from shared.store import Store
from shared.store.interface import Scalar

_DOCUMENT = msgspec.json.Decoder(Document[DeadGroup])
_MOST_COUNTED: Final = 100_000
"""Letters of one count: a million would take seconds each time that somebody looks."""
_MOST_PARKED: Final = 1_000
_MOST_SAID: Final = 16 * 1024
_HOUR: Final = 3_600.0
_LIMIT: Final = Number("limit", 50, 0, 200, "How many at most; 0 counts them alone.")
_AFTER: Final = Pattern(
    "after",
    r"([01])~([0-9]{1,9})~([0-9]{1,9})~([0-9a-f-]{36})",
    "the `next` of an answer",
    "Where to go on: the `next` of the answer before.",
    example="0~9~12~1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b",
)
_GROUP: Final = Parameter("group", "The group's id.", example="1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b")
GroupId = Annotated[
    str,
    Meta(
        description="The group's id, the same for the same fault at the same service.",
        examples=["1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b"],
    ),
]
_Note = Annotated[
    str,
    Meta(
        description="What the team knows of it; never about a client.",
        examples=["the region's release of Monday; its vendor knows"],
    ),
]
_Owner = Annotated[str, Meta(description="Who looks after it; empty: nobody.", examples=["ops:first"])]
_Link = Annotated[
    str,
    Meta(description="Where the work is followed, by https; empty: nowhere.", examples=["https://tickets.example/417"]),
]
_Parked = Annotated[Time | None, Meta(description="Until when nobody need look at it; null: it is not parked.")]


class GroupSaid(msgspec.Struct):
    """What is noted of a group, whole: what is left out is empty again."""

    note: _Note = ""
    owner: _Owner = ""
    link: _Link = ""
    parked_until: _Parked = None


class GroupNoted(TypedDict):
    """What is noted of a group now."""

    group: GroupId
    note: _Note
    owner: _Owner
    link: _Link
    parked_until: _Parked


class DeadGroupShown(GroupNoted):
    """The dead letters of one fault, whoever's they are."""

    service: Annotated[str, Meta(description="Who could not take them.", examples=["referral"])]
    reason: Annotated[str, Meta(description="Why, by class.", examples=["invalid"])]
    type: Annotated[EventType | None, Meta(description="The class of the events; null for one that nobody knows.")]
    pointer: Annotated[
        str | None,
        Meta(
            description="The field at fault, a JSON Pointer; null where none is named.", examples=["/data/municipality"]
        ),
    ]
    error: Annotated[
        str,
        Meta(
            description="Why, with `…` for each id and value.",
            examples=["/data/municipality: no municipality has the code …"],
        ),
    ]
    open: Annotated[Count, Meta(description="How many of them stand open, whenever they came.")]
    hour: Annotated[Count, Meta(description="How many came within the last hour.")]
    day: Annotated[Count, Meta(description="How many came within the last 24 hours.")]
    week: Annotated[Count, Meta(description="How many came within the last seven days.")]
    newest: Annotated[Time, Meta(description="When the newest of them came.")]
    example: Annotated[DeadLetterId, Meta(description="The newest of them.")]


class DeadGroups(TypedDict):
    """Groups with a letter of these seven days or an open one; the most open ones first, the parked last."""

    groups: Annotated[list[DeadGroupShown], Meta(description="Those of this page.")]
    open: Annotated[
        Count,
        Meta(description="How many letters stand open in all groups, of this page or not, that are not parked now."),
    ]
    ungrouped: Annotated[
        Count, Meta(description="Letters of these seven days that were kept before there were groups.")
    ]
    complete: Annotated[
        bool, Meta(description=f"False: there are more letters than the newest {_MOST_COUNTED:,} that are counted.")
    ]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.",
            examples=["0~9~12~1f6c2d1e-7b0a-5d3e-8c4f-2a9b6e5d4c3b"],
        ),
    ]


def operations() -> list[Operation]:
    """The groups' addresses: ops alone."""
    groups, ops = "/v1/dead-letter-groups", ("ops",)
    said = in_json(GroupSaid, _MOST_SAID, "What is noted of it.")
    return [
        Operation("GET", groups, list_groups, {200: DeadGroups}, ops, (_LIMIT, _AFTER)),
        Operation("GET", f"{groups}/{{group}}", one_group, {200: GroupNoted}, ops, (_GROUP,), also=(404,)),
        Operation("PUT", f"{groups}/{{group}}", note_group, {202: GroupNoted}, ops, (_GROUP,), said, also=(404,)),
    ]


async def list_groups(request: Request) -> Response:
    """Dead letters by fault: service, reason, class and field, ids and values taken out; ops alone."""
    await must_be_ops(request)
    store: Store = request.app.state.store
    limit, after = _LIMIT.of(request), _AFTER.of(request)
    now = real_now().timestamp()
    counts = await _counts(store, now) if limit else Counts({}, {}, {}, await _tallied(store, {"state": "open"}, None))
    ranks = ranked(counts, await _parked(store, now))
    waiting = sum(one.open for one in ranks if not one.parked) + counts.open.get(None, 0)
    if after:
        behind = (bool(int(after[1])), -int(after[2]), -int(after[3]), after[4])
        ranks = [one for one in ranks if (one.parked, -one.open, -one.week, one.id) > behind]
    page = ranks[:limit]
    further = page[-1] if page and len(ranks) > limit else None
    return JSONResponse(
        DeadGroups(
            groups=await _shown(store, page, counts),
            open=waiting,
            ungrouped=counts.week.get(None, 0),
            complete=all(sum(one.values()) < _MOST_COUNTED for one in counts),
            next=f"{further.parked:d}~{further.open}~{further.week}~{further.id}" if further else None,
        )
    )


async def _counts(store: Store, now: float) -> Counts:
    questions: list[tuple[dict[str, Scalar], float | None]] = [
        ({}, now - _HOUR),
        ({}, now - 24 * _HOUR),
        ({}, now - 7 * 24 * _HOUR),
        ({"state": "open"}, None),
    ]
    return Counts(*await asyncio.gather(*(_tallied(store, equal, since) for equal, since in questions)))


async def _tallied(store: Store, equal: Mapping[str, Scalar], since: float | None) -> Mapping[str | None, int]:
    return await store.tally("dead_letters", "fault", "at", equal=equal, at_least=since, most=_MOST_COUNTED)


async def _parked(store: Store, now: float) -> frozenset[str]:
    rows = await store.find(
        "dead_groups",
        at_least=("parked_until", now),
        order="parked_until",
        limit=_MOST_PARKED,
        what="brief",
    )
    return frozenset(row.id for row in rows)


async def _shown(store: Store, ranks: Sequence[Rank], counts: Counts) -> list[DeadGroupShown]:
    noted = await store.load("dead_groups", [one.id for one in ranks])
    newest = await asyncio.gather(*(chosen(store, Selection(group=one.id), limit=1) for one in ranks))
    found: list[DeadGroupShown] = []
    for rank, letters in zip(ranks, newest, strict=True):
        for letter in letters:  # none where its last letter has just gone
            fault = fault_of(letter)
            state = _DOCUMENT.decode(noted[rank.id].body).state if rank.id in noted else None
            found.append(
                {
                    **_noted(rank.id, state),
                    "service": fault.service,
                    "reason": fault.reason,
                    "type": fault.type or None,
                    "pointer": fault.pointer or None,
                    "error": fault.error,
                    "open": rank.open,
                    "hour": counts.hour.get(rank.id, 0),
                    "day": counts.day.get(rank.id, 0),
                    "week": rank.week,
                    "newest": written(letter.time),
                    "example": letter.dl_id,
                }
            )
    return found


def _noted(group: str, state: DeadGroup | None) -> GroupNoted:
    parked = written(state.parked_until) if state and state.parked_until else None
    note, owner, link = (state.note, state.owner, state.link) if state else ("", "", "")
    return {"group": group, "note": note, "owner": owner, "link": link, "parked_until": parked}


async def one_group(request: Request) -> Response:
    """What the team notes of a group; ops alone."""
    await must_be_ops(request)
    group = await _known(request)
    rows = await request.app.state.store.load("dead_groups", [group])
    return JSONResponse(_noted(group, _DOCUMENT.decode(rows[group].body).state if group in rows else None))


async def _known(request: Request) -> str:
    """Raises 404."""
    group = str(request.path_params["group"])
    if not await chosen(request.app.state.store, Selection(group=group), limit=1):
        raise ProblemError(404, f"no dead letter is of the group {group[:60]!r}")
    return group


async def note_group(request: Request) -> Response:
    """Notes of a group who looks after it, where that is followed, until when it is parked; ops alone."""
    who = await must_be_ops(request)
    must_be_open(request)
    said: dict[str, Any] = msgspec.to_builtins(await read_json(request, _MOST_SAID, GroupSaid))
    group = await _known(request)
    await say(request, "DeadGroupNoted", str(uuid4()), {"group": group, "by": who, **said})
    return JSONResponse({"group": group, **said}, 202)
