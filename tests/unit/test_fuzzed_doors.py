"""No input makes a fault of ours: every address of all services, with keys and without, asked with whatever there is.

A fault is an exception that nobody foresaw: it ends the test with its traceback, as it would be a 500. What is drawn is
what breaks readers: bytes that are no text, surrogates, blanks that are none, NULs, percent signs, numbers beyond all
bounds, nesting, and what is almost right.
"""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import topics
from shared.contracts.registry import CLASSES
from shared.http.everywhere import EVERYWHERE
from shared.http.operations import Operation
from tests.unit.doors import BATCH, EVENT, HOLDERS, OPISTO, REGION, Door, door, referral
from tests.unit.facts import a_referral, issued, published

STANDS_ALONE: Final = re.compile(r"(?<![^\W_])010190-999W(?![^\W_])")
"""The artificial personal identity code of what is drawn, with no letter or digit beside it."""
PATIENCE: Final = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
KNOWN: Final = a_referral()


class Asked(NamedTuple):
    """A request as the server hands it on."""

    method: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: list[bytes]


# --- what is drawn

HOSTILE: Final = [
    "%00",
    "%",
    "%zz",
    "%ff",
    "%ed%a0%80",
    "%2F",
    "..",
    ".",
    "~",
    "\u202e",
    "\xad",
    "𝟘",
    "٣",
    "ä",
    "null",
    "NaN",
    "-0",
    "1e999",
    "-1",
    "1_0",
    "+1",
    "true",
    "'",
    '"',
    "06",
    "837",
    "region",
    "opisto",
    "tampere",
    "a",
    "kuoro-2026s",
    "2026-Q1",
    "2026-09-01",
    "2026-09-01T08:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1.0~",
    "1~x",
    "010190-999W",
    "/region/06",
    "/opisto/tampere",
    "/service/monitor",
]
SPELLINGS: Final = (KNOWN, KNOWN.upper(), KNOWN.replace("-", ""), f"{{{KNOWN}}}", f"urn:uuid:{KNOWN}")
ODD: Final = st.sampled_from([*HOSTILE, *SPELLINGS, "", "\x00", " 1", "9" * 400, "0" * 5_000 + "1", "a" * 4_000])
TEXTS: Final = ODD | st.text(max_size=40) | st.builds("".join, st.lists(ODD, max_size=3))
WORDS: Final = [
    "after",
    "limit",
    "page",
    "per_page",
    "municipality",
    "need",
    "format",
    "source",
    "referral_id",
    "from",
    "to",
    "region",
    "x",
]
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
NAMES: Final = st.sampled_from(sorted(CLASSES)) | TEXTS


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Almost an event: attributes and fields left out, doubled in meaning, or of another kind."""
    event: dict[str, Any] = referral(draw(st.sampled_from([REGION, REGION, OPISTO, "/service/referral"])))
    if draw(st.booleans()):
        event["type"] = f"fi.kulttuurilahete.{draw(NAMES)}.v{draw(st.sampled_from(['1', '2', '', '9' * 30]))}"
    for _ in range(draw(st.sampled_from([0, 1, 1, 3]))):
        where = draw(st.sampled_from([event, event["data"]] if isinstance(event.get("data"), dict) else [event]))
        name = draw(st.sampled_from(sorted(where)) if where else TEXTS)
        if draw(st.booleans()):
            where.pop(name, None)
        else:
            where[draw(st.just(name) | TEXTS)] = draw(JSON)
    return event


def encoded(document: object) -> bytes:
    return msgspec.json.encode(document)


OUTCOMES: Final = st.fixed_dictionaries(
    {"events": st.lists(st.fixed_dictionaries(dict.fromkeys(("source", "id", "type", "subject"), TEXTS)), max_size=3)}
)
FORMS: Final = st.dictionaries(
    st.sampled_from(["respondent", "dimensions_v1-friends", "who5-q1", "x"]), TEXTS, max_size=4
).map(lambda fields: "&".join(f"{name}={value}" for name, value in fields.items()).encode(errors="replace"))
BODIES: Final = st.one_of(
    st.binary(max_size=60),
    JSON.map(encoded),
    events().map(encoded),
    st.lists(events(), max_size=4).map(encoded),
    OUTCOMES.map(encoded),
    FORMS,
    st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b'{"data":' + b"[" * 60_000, b"\xef\xbb\xbf{}", b'"\\ud800"']),
    st.builds(
        lambda body, place, byte: body[:place] + byte + body[place:],
        events().map(encoded),
        st.integers(0, 400),
        st.binary(max_size=2),
    ),
)
VALUES: Final = (TEXTS.map(lambda text: text.encode(errors="replace")) | st.binary(max_size=30)).map(
    lambda value: bytes(byte for byte in value if byte not in b"\r\n\x00")
)
HEADERS: Final = st.lists(
    st.tuples(
        st.sampled_from(
            b"authorization content-type content-length content-encoding accept-language host x ce-id ce-source ce-type "
            b"ce-time ce-specversion ce-subject ce-".split()
        ),
        VALUES,
    ),
    max_size=5,
)
WHO: Final = st.sampled_from([*(f"key of {holder}" for holder in HOLDERS), "", "lahete_wrong"])
KINDS: Final = st.sampled_from(
    [EVENT, BATCH, "application/json", "application/x-www-form-urlencoded", "text/plain", ""]
)


KIND_OF: Final = {
    "/v1/events": st.tuples(st.just(EVENT), events().map(encoded))
    | st.tuples(st.just(BATCH), st.lists(events(), max_size=4).map(encoded)),
    "/f/{token}": st.tuples(st.just("application/x-www-form-urlencoded"), FORMS),
    "/v1/outcomes": st.tuples(KINDS, OUTCOMES.map(encoded)),
    "/v1/events/outcomes": st.tuples(KINDS, OUTCOMES.map(encoded)),
}
"""What an address is to be given."""
ANYTHING: Final = st.tuples(KINDS, BODIES)


def operations_of(one: Door) -> list[Operation]:
    return [*EVERYWHERE, *one.wired.operations]


@st.composite
def requests(draw: st.DrawFn, operations: list[Operation]) -> Asked:
    """To one of the addresses, mostly as it is meant, and now and then beside it."""
    strays = draw(st.integers(0, 9)) == 0
    operation = draw(st.sampled_from(operations))
    segments = (
        TEXTS if strays else TEXTS.map(lambda text: quote(text.replace("/", "") or "x", safe="", errors="replace"))
    )
    path = "/".join(draw(segments) if part.startswith("{") else part for part in operation.path.split("/"))
    path += draw(st.sampled_from(["/", "//", "/x", ";x", "?", "#"])) if strays else ""
    usual = [operation.method, "HEAD"] if operation.method == "GET" else [operation.method]
    method = draw(st.sampled_from([*usual, "DELETE", "OPTIONS", "PATCH", "TRACE"] if strays else usual))
    names = st.sampled_from(WORDS if strays else [*operation.query, "x"])
    asked = draw(st.dictionaries(names, TEXTS, max_size=2))
    line = "&".join(f"{name}={value}" for name, value in asked.items() if strays or name != "x")
    fitting = KIND_OF.get(operation.path, ANYTHING)
    kind, body = draw(st.one_of(fitting, fitting, ANYTHING))
    headers = [(b"content-type", kind.encode()), *(draw(HEADERS) if draw(st.booleans()) else [])]
    if who := draw(WHO):
        headers.insert(0, (b"authorization", f"Bearer {who}".encode()))
    cut = draw(st.integers(0, len(body)))
    return Asked(
        method, path.encode(errors="replace"), line.encode(errors="replace"), headers, [body[:cut], body[cut:]]
    )


async def answered(one: Door, asked: Asked) -> tuple[int, dict[bytes, bytes], bytes]:
    """What the application answers; raises what nobody foresaw."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("door", 80),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
        "method": asked.method,
        "path": unquote(asked.raw_path.decode("latin-1")),
        "raw_path": asked.raw_path,
        "query_string": asked.query,
        "headers": asked.headers,
        "state": {},
    }
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in asked.body]
    parts.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await one.app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return int(sent[0]["status"]), dict(sent[0]["headers"]), body


# --- the services, with something in each


class FiveDoors:
    """All doors on one loop."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.doors: dict[str, Door] = {}
        self._stack = AsyncExitStack()
        self.runner.run(self._open(folder))

    async def _open(self, folder: Path) -> None:
        for service in topics.SERVICES:
            (folder / service).mkdir()
            one = await self._stack.enter_async_context(door(service, folder / service, denied_a_minute=1_000_000))
            await one.given(published(), issued())
            self.doors[service] = one

    def ask(self, service: str, asked: Asked) -> tuple[int, dict[bytes, bytes], bytes]:
        return self.runner.run(answered(self.doors[service], asked))

    def close(self) -> None:
        self.runner.run(self._stack.aclose())
        self.runner.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FiveDoors]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # /v1/lag asks a Kafka that is not there
    one = FiveDoors(tmp_path_factory.mktemp("fuzzed"))
    yield one
    one.close()


@pytest.mark.parametrize("service", topics.SERVICES)
@PATIENCE
@given(data=st.data())
def test_no_request_makes_a_fault_of_ours(world: FiveDoors, service: str, data: st.DataObject) -> None:
    asked = data.draw(requests(operations_of(world.doors[service])))
    status, headers, body = world.ask(service, asked)
    assert status < 500 or status == 503, (status, body)
    if status >= 400 and headers[b"content-type"] == b"application/problem+json":
        problem = msgspec.json.decode(body)
        assert problem["status"] == status
        assert len(body) < 40_000
        assert not STANDS_ALONE.search(problem["detail"])


@pytest.mark.parametrize("service", topics.SERVICES)
def test_no_address_takes_a_parameter_that_it_does_not_know(world: FiveDoors, service: str) -> None:
    for operation in operations_of(world.doors[service]):
        asked = Asked(operation.method, operation.path.encode(), b"no_such_parameter=1", [], [])
        assert world.ask(service, asked)[0] == 422, operation.path
