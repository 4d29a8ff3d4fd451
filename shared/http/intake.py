"""POST /v1/events, the same at every door: CloudEvents over HTTP, binary, structured or batched.

The door proves the sender by its key, checks each event whole, drops fields that nobody knows, writes it to
`intake.http`, and answers 202 only once Kafka has acknowledged. A batch is taken whole or refused whole.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.contracts import topics
from shared.contracts.envelope import (
    MAX_EVENT_BYTES,
    Event,
    Raw,
    attributes_of,
    authorise,
    decode,
    kafka_headers,
    read_structured,
)
from shared.contracts.errors import EventError, Invalid, PersonalData, Problem, Undecodable
from shared.contracts.personal_identity import holds_a_code
from shared.engine.publish import BrokerUnavailable, Publisher, Record
from shared.http.body import read_body
from shared.http.keys import role_of, who_asks
from shared.http.problems import ProblemError, problem_of

MAX_BATCH: Final = 500
MAX_BODY: Final = 8 * 1024 * 1024
ACKNOWLEDGED_WITHIN: Final = 5.0
CLOSED: Final = "intake-closed"  # a file in the folder of state that the supervisor puts there before it stops all
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


async def post_events(request: Request) -> Response:
    """202 with what was accepted; problems as docs/contracts.md has them."""
    sender = who_asks(request)
    if role_of(sender) not in {"region", "opisto"}:
        raise ProblemError(403, f"{sender} is no sender of events; use a region's or an opisto's key")
    _refuse_code_in_url(request)
    must_be_open(request)
    state = request.app.state
    raws = _read(request, await read_body(request, MAX_BODY, "send fewer events at a time"))
    now = state.clock.now()
    events = [_checked(raw, sender, now, f"/{index}" if _is_batch(request) else "") for index, raw in enumerate(raws)]
    await write(state.publisher, events)
    return JSONResponse({"accepted": [{"id": event.id, "source": event.source} for event in events]}, 202)


def must_be_open(request: Request) -> None:
    """For whatever writes to `intake.http`. Raises 503 while the platform stops, stands on nothing, or the log is full."""
    state = request.app.state
    if (state.settings.state / CLOSED).exists():
        raise ProblemError(503, "the platform is stopping; send it again with the same id", retry_after=5)
    if state.fault():
        # Of another cluster nobody may ever read it. What exactly is wrong is for ops: GET /health/ready.
        raise ProblemError(503, "Kafka is not as it must be; send it again with the same id", retry_after=5)
    if state.log_guard is not None and (full := state.log_guard.full()):
        raise ProblemError(503, f"{full}; send it again with the same id", retry_after=5)


async def write(publisher: Publisher, events: Sequence[Event]) -> None:
    """Writes events to `intake.http`. Raises 503 where Kafka has not acknowledged: unknown, so send them again."""
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


def _checked(raw: Raw, sender: str, now: object, place: str) -> Event:
    try:
        if len(raw.data) > MAX_EVENT_BYTES:
            raise ProblemError(413, f"{place}/data has {len(raw.data)} bytes; an event has at most {MAX_EVENT_BYTES}")
        event = decode(raw, now=now)  # type: ignore[arg-type]
        authorise(event, sender)
        return event
    except EventError as error:
        raise problem_of(error, place) from error


def _refuse_code_in_url(request: Request) -> None:
    if holds_a_code(unquote(str(request.url))) or any(holds_a_code(value) for value in request.headers.values()):
        raise problem_of(PersonalData("a personal identity code stands in the URL or a header"))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_batch(request: Request) -> bool:
    return _content_type(request) == BATCH


def _read(request: Request, body: bytes) -> list[Raw]:
    try:
        if _is_batch(request):
            return _read_batch(body)
        if _content_type(request) == STRUCTURED:
            return [read_structured(body)]
    except EventError as error:
        raise problem_of(error) from error
    if _content_type(request) == "application/json":
        return [_read_binary(request, body)]
    raise ProblemError(415, f"send {STRUCTURED}, {BATCH}, or application/json with ce- headers")


def _read_binary(request: Request, body: bytes) -> Raw:
    attributes = {name[3:]: unquote(value) for name, value in request.headers.items() if name.startswith("ce-")}
    if not attributes:
        raise ProblemError(415, f"application/json needs ce- headers; or send {STRUCTURED}")
    return Raw({**attributes, "datacontenttype": "application/json"}, body)


def _read_batch(body: bytes) -> list[Raw]:
    try:
        members = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"no JSON array: {error}") from error
    if not 1 <= len(members) <= MAX_BATCH:
        count = f"a batch holds 1 to {MAX_BATCH} events, this one {len(members)}"
        raise Invalid(count, [Problem("", count)])
    return [_read_member(index, member) for index, member in enumerate(members)]


def _read_member(index: int, member: msgspec.Raw) -> Raw:
    try:
        return read_structured(member)
    except Undecodable as error:
        raise Undecodable(f"/{index}: {error}", [Problem(f"/{index}", str(error))]) from error
