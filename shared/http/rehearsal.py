"""POST /v1/rehearsals: what would become of dead letters if they were sent again now. Nothing is changed by it.

For the monitor alone, up to 100 at once. The service decides them as it decides what comes, letters of one aggregate one
after another, on documents that it does not save; nothing goes out.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, TypedDict, cast

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Meta
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.contracts.topics import redrive_to
from shared.engine.batch import Processor, Received
from shared.engine.model import OutDead
from shared.engine.unit_of_work import UnitOfWork
from shared.http.body import read_json
from shared.http.keys import must_be
from shared.http.operations import Operation, in_json
from shared.http.problems import ProblemError
from shared.kafka.producer import Publisher
from shared.store import Row, Store

MOST_REHEARSED: Final = 100
MOST_BYTES: Final = 32 * 1024 * 1024
Would = Literal["applied", "repeated", "waits", "rejected", "handler_failed", "refused"]
_SAID: Final[dict[str, Would]] = {
    "applied": "applied",
    "erased": "applied",
    "repetition": "repeated",
    "waiting": "waits",
    "rejected": "rejected",
    "handler_failed": "handler_failed",
}
_READS: Final = frozenset({"load", "find", "count", "tally", "versions", "recall", "read", "about", "owners"})
_Bytes = Annotated[
    str | None,
    Meta(description="In base64; null without one.", examples=["eyJyZWZlcnJhbF9pZCI6IDV9"]),
]


class RehearsedLetter(msgspec.Struct, frozen=True):
    """A dead letter, as it would be sent again."""

    key: _Bytes
    value: _Bytes
    headers: Annotated[
        list[tuple[str, str | None]],
        Meta(
            description="Name and value in base64, those that the dead letter added too.",
            examples=[[["ce_id", "YTFiMg=="]]],
        ),
    ]


class RehearsalAsked(msgspec.Struct):
    """Dead letters, in the order in which they would be sent."""

    letters: Annotated[list[RehearsedLetter], Meta(description=f"Up to {MOST_REHEARSED}.")]


class Rehearsed(TypedDict):
    """What would become of one letter."""

    would: Annotated[
        Would,
        Meta(description="`applied`; `repeated`: known already; `waits` for another event; else a dead letter again."),
    ]
    why: Annotated[str, Meta(description="Why it waits or is refused; else empty.", examples=["ReferralIssued"])]


class Rehearsal(TypedDict):
    """What would become of each letter, in the order of the question."""

    outcomes: Annotated[list[Rehearsed], Meta(description="One for each letter of the question, in its order.")]


async def post_rehearsals(request: Request) -> Response:
    """What would become of dead letters if they were sent again now; for the monitor alone. Changes nothing."""
    must_be(request, "service")
    letters = (await read_json(request, MOST_BYTES, RehearsalAsked)).letters
    if len(letters) > MOST_REHEARSED:
        raise ProblemError(413, f"{len(letters)} letters; ask after at most {MOST_REHEARSED} at once")
    state = request.app.state
    records = [_record(letter, redrive_to(state.table.service)) for letter in letters]
    return JSONResponse(Rehearsal(outcomes=await rehearse(state, records)))


OPERATION: Final = Operation(
    "POST",
    "/v1/rehearsals",
    post_rehearsals,
    {200: Rehearsal},
    who=("service",),
    body=in_json(RehearsalAsked, MOST_BYTES, f"Up to {MOST_REHEARSED} dead letters."),
)


def _record(letter: RehearsedLetter, topic: str) -> ConsumerRecord[bytes, bytes]:
    headers = tuple((name, _bytes(value)) for name, value in letter.headers)
    return ConsumerRecord(topic, 0, 0, 0, 0, _bytes(letter.key), _bytes(letter.value), None, 0, 0, headers)


def _bytes(encoded: str | None) -> bytes | None:
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ProblemError(400, f"{encoded[:60]!r} is no base64") from error


# --- deciding without keeping


class _Unsaved:
    """A store that is read and never written: what is saved here is kept nowhere."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name not in _READS:
            raise AttributeError(f"a rehearsal does not {name}")
        return getattr(self._store, name)

    async def save(self, collection: str, rows: Sequence[Row]) -> set[str]:
        """Loses no race, and keeps nothing."""
        return set()


class _Place(NamedTuple):
    """Where the answer about one letter stands: its aggregate, and which of that aggregate's letters it is."""

    aggregate: tuple[str, str]
    nth: int
    dl_id: str


async def rehearse(state: State, records: Sequence[ConsumerRecord[bytes, bytes]]) -> list[Rehearsed]:
    """Decides the records, and keeps nothing. Raises `StoreUnavailable`."""
    received = Received()
    found = [_received(_processor(state), record, received) for record in records]
    units: dict[tuple[str, str], UnitOfWork] = {}
    for aggregate, routed in received.groups.items():
        # Each with a circuit breaker of its own: that many letters fail is what the question is about.
        alone = Received()
        alone.groups[aggregate] = routed
        await _processor(state).decide_and_save(alone.groups, alone.batch)
        units |= alone.batch.units
    return [one if isinstance(one, dict) else _decided(units[one.aggregate], one) for one in found]


def _processor(state: State) -> Processor:
    """A processor of the service, which saves nothing and has nothing to send by."""
    return Processor(
        state.table,
        cast("Store", _Unsaved(state.store)),
        cast("Publisher", None),
        state.clock,
        recent_outcomes=state.settings.ring,
        due_early=state.settings.due_early,
        failing=state.settings.failing(),
    )


def _received(processor: Processor, record: ConsumerRecord[bytes, bytes], into: Received) -> Rehearsed | _Place:
    one = processor.receive([record])
    for letter in one.batch.letters:
        return {"would": "refused", "why": f"{letter.reason}: {letter.error}"}
    for aggregate, routed in one.groups.items():
        group = into.groups.setdefault(aggregate, [])
        group += routed
        return _Place(aggregate, len(group) - 1, routed[-1].dl_id)
    return {"would": "refused", "why": "it concerns this service no more"}


def _decided(unit: UnitOfWork, place: _Place) -> Rehearsed:
    # One that was sent again already may wait here: it is a repetition, and waits on.
    for early in unit.document.early:
        if early.dl_id == place.dl_id:
            return {"would": "waits", "why": early.what}
    _, outcome = unit.outcomes[place.nth]
    return {"would": _SAID.get(outcome, "refused"), "why": _why(unit, place.dl_id)}


def _why(unit: UnitOfWork, dl_id: str) -> str:
    """Why the letter is refused; empty where it is applied."""
    for conflict in unit.conflicts:
        if conflict.dl_id == dl_id:
            return conflict.error
    for out in unit.document.outbox:
        if isinstance(out, OutDead):
            said = {name: (value or b"").decode(errors="replace") for name, value in out.headers}
            if said.get("dl_id") == dl_id:
                return said.get("dl_error", "")
    return ""
