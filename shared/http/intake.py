"""POST /v1/events, the same at every door: CloudEvents over HTTP, binary, structured or batched.

The door proves the sender by its key, checks each event whole, drops fields that nobody knows, writes the event to
`intake.http`, and answers 202 only once Kafka has acknowledged. The door takes or refuses a batch whole, and the
refusal names every event that cannot be taken.
"""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Final
from uuid import uuid4

import msgspec
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.contracts import topics
from shared.contracts.envelope import (
    MAX_EVENT_BYTES,
    STRUCTURED,
    Event,
    Raw,
    attributes_of,
    kafka_headers,
    read_structured,
)
from shared.contracts.errors import Forged, PersonalData, Problem
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.personal_identity import bytes_hold_a_code, holds_a_code
from shared.engine.outbox import record_of
from shared.http.binary import PREFIX, read_binary
from shared.http.body import read_body
from shared.http.examine import Reader, examined
from shared.http.keys import role_of, who_asks
from shared.http.operations import Content, Operation
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError, problem_of
from shared.http.shapes import Accepted
from shared.kafka.producer import BrokerUnavailable, Publisher, Record

MAX_BATCH: Final = 500
MAX_BODY: Final = 8 * 1024 * 1024
MAX_ONE: Final = 256 * 1024
"""Bytes of one event on the wire: with its attributes, and its data in base64 or with blanks."""
_MAX_COMMAS: Final = 500_000
"""500 events of 8 MiB have 300,000: the door reads no list of millions of nothings, which would fill the memory."""
ACKNOWLEDGED_WITHIN: Final = 5.0
CLOSED: Final = "intake-closed"  # a file in the folder of state that the supervisor puts there before it stops all
BATCH: Final = "application/cloudevents-batch+json"


async def post_events(request: Request) -> Response:
    """Takes events: CloudEvents over HTTP, binary, structured or batched.

    202 says that Kafka has acknowledged all of them. A batch is taken whole or refused whole; a refusal names every event
    that cannot be taken. The same id may be sent again at any time.
    """
    sender = who_asks(request)
    if role_of(sender) not in PARTNER_KINDS:
        raise ProblemError(403, f"{sender} is no sender of events; use a partner's key")
    _refuse_code_in_url(request)
    must_be_open(request)
    batches = request.app.state.rates.batches
    with batches.hold(sender) if _content_type(request) == BATCH else nullcontext():
        events = await _taken(request, sender)
    return accepted(events)


def accepted(events: Sequence[Event]) -> Response:
    """202: Kafka has acknowledged them."""
    return JSONResponse(Accepted(accepted=[{"id": event.id, "source": event.source} for event in events]), 202)


INTAKE: Final = Operation(
    "POST",
    "/v1/events",
    post_events,
    {202: Accepted},
    who=PARTNER_KINDS,
    takes=tuple(
        Parameter(f"{PREFIX}{name}", f"In binary mode the event's `{name}`.", where="header")
        for name in ("specversion", "id", "source", "type", "time", "subject")
    ),
    body=Content(
        {
            STRUCTURED: {"$ref": "#/components/schemas/Event"},
            BATCH: {"type": "array", "maxItems": MAX_BATCH, "items": {"$ref": "#/components/schemas/Event"}},
            "application/json": {"$ref": "#/components/schemas/EventData"},
        },
        f"One event of at most {MAX_ONE} bytes as it is sent, {MAX_EVENT_BYTES} of them its data; or a batch of up to "
        f"{MAX_BATCH}. application/json is binary mode: the data alone, and the attributes in `{PREFIX}` headers.",
        MAX_BODY,
    ),
)


async def _taken(request: Request, sender: str) -> list[Event]:
    state = request.app.state
    readers = await _readers(request)
    state.rates.events.take(sender, len(readers))
    events = await _examined(request, readers, sender)
    await write(state.publisher, events)
    return events


async def _examined(request: Request, readers: Sequence[Reader], sender: str) -> list[Event]:
    state = request.app.state
    try:
        return await examined(readers, sender, state.clock.now(), is_batch=_content_type(request) == BATCH)
    except ProblemError as error:
        if error.why == Forged.reason:
            await _keep(state, sender, error.detail)
        raise


async def _keep(state: State, sender: str, what: str) -> None:
    # Without Kafka only the metrics count it: the sender is refused either way.
    with suppress(BrokerUnavailable):
        records = [record for out in state.forgeries.of(sender, what, str(uuid4())) if (record := record_of(out))]
        await state.publisher.publish(records, within=ACKNOWLEDGED_WITHIN)


def must_be_open(request: Request) -> None:
    """For writes to `intake.http`. Raises 503 while the platform stops, a precondition fails, or the log is full."""
    if why := why_closed(request.app.state):
        raise ProblemError(503, f"{why}; send it again with the same id", retry_after=5)


def why_closed(state: State) -> str | None:
    """Why nothing may be written to `intake.http` now."""
    if (state.settings.state / CLOSED).exists():
        return "the platform is stopping"
    if state.fault():
        # Nobody may ever read an event on another cluster. GET /health/ready tells ops what exactly is wrong.
        return "Kafka is not as it must be"
    return state.log_guard.full() if state.log_guard is not None else None


async def write(publisher: Publisher, events: Sequence[Event]) -> None:
    """Writes events to `intake.http`. Raises 503 if Kafka has not acknowledged: it may have them, so repeat them."""
    records = [
        Record(
            topics.INTAKE_HTTP,
            event.data.subject.encode(),
            event.data.model_dump_json(exclude_unset=True).encode(),
            kafka_headers(attributes_of(event)),
        )
        for event in events
    ]
    try:
        await publisher.publish(records, within=ACKNOWLEDGED_WITHIN)
    except BrokerUnavailable as error:
        raise ProblemError(503, f"{error}; send it again with the same id", retry_after=5) from error


def _refuse_code_in_url(request: Request) -> None:
    if holds_a_code(str(request.url)) or any(bytes_hold_a_code(value) for _, value in request.headers.raw):
        raise problem_of(PersonalData("a personal identity code stands in the URL or a header"))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _readers(request: Request) -> list[Reader]:
    """A reader for each event. Raises 415 before reading the body, 413."""
    kind = _content_type(request)
    if kind == BATCH:
        return _of_batch(await read_body(request, MAX_BODY, "send fewer events at a time"))
    if kind == STRUCTURED:
        return [partial(read_structured, await read_body(request, MAX_ONE))]
    if kind != "application/json":
        raise ProblemError(415, f"send {STRUCTURED}, {BATCH}, or application/json with ce- headers")
    if not any(name.startswith(PREFIX) for name in request.headers):
        raise ProblemError(415, f"application/json needs ce- headers; or send {STRUCTURED}")
    return [partial(read_binary, request.headers.items(), await read_body(request, MAX_ONE))]


def _of_batch(body: bytes) -> list[Reader]:
    if body.count(b",") > _MAX_COMMAS:
        raise ProblemError(413, f"the batch has more than {_MAX_COMMAS} commas; send fewer events at a time")
    try:
        members = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"no JSON array: {error}") from error
    if len(members) > MAX_BATCH:
        count = f"a batch holds at most {MAX_BATCH} events, this one {len(members)}"
        raise ProblemError(422, count, [Problem("", count)])
    return [partial(_read_member, member) for member in members]


def _read_member(member: msgspec.Raw) -> Raw:
    if len(member) > MAX_ONE:
        raise ProblemError(413, f"it has {len(member)} bytes; an event has at most {MAX_ONE} as it is sent")
    return read_structured(member)
