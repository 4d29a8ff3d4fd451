"""The spans that a service sends by OTLP, as a collector on this machine receives them."""

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError

from services.feedback.handlers import table as feedback
from shared.engine.batch import Processor
from shared.kafka.producer import BrokerUnavailable
from shared.process.settings import PlatformSettings
from shared.process.spans import Spans, context_of
from tests.integration.engine_world import EngineWorld, choose, header, issue, referral
from tests.unit.consumed import consumed
from tests.unit.containers import REPOSITORY

pytestmark = pytest.mark.asyncio
PARTNERS_OWN: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector(ThreadingHTTPServer):
    """Takes what is exported to it, as OTLP's protobuf over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def services(self) -> dict[str, list[Span]]:
        """The spans by the service that sent them."""
        found: dict[str, list[Span]] = {}
        for body in self.bodies:
            for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {one.key: one.value.string_value for one in sent.resource.attributes}
                spans = found.setdefault(named["service.name"], [])
                spans += [span for scope in sent.scope_spans for span in scope.spans]
        return found

    @property
    def spans(self) -> list[Span]:
        return [span for spans in self.services().values() for span in spans]


class _Take(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.add(self.path)
        self.server.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@contextmanager
def listening() -> Iterator[Collector]:
    with Collector() as collector:
        thread = Thread(target=collector.serve_forever, args=(0.01,))
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening() as made:
        yield made


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[EngineWorld]:
    async with EngineWorld(tmp_path) as made:
        yield made


async def traced(world: EngineWorld, spans: Spans) -> Processor:
    world.table = spans.reading(world.table)
    processor = await world.processor()
    processor._between = spans.between(processor._between)
    return processor


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def place(service: str, event_id: str) -> tuple[bytes, bytes]:
    context = context_of(service, event_id)
    return context.trace_id.to_bytes(16), context.span_id.to_bytes(8)


async def test_an_event_and_what_follows_from_it_are_spans_with_a_link_from_effect_to_cause(
    world: EngineWorld, collector: Collector
) -> None:
    spans = Spans("referral", collector.address)
    await world.take(world.log.event(issue(), traceparent=PARTNERS_OWN), by=await traced(world, spans))
    spans.close()
    (opened,) = world.wire.named("ReferralOpened")
    reader = Spans("feedback", collector.address)
    table = reader.reading(feedback())
    assert table.receive is not None
    table.receive(consumed(opened, 0), table, world.clock.now())
    for step in ("received", "published"):
        reader.between(lambda _: None)(step)
    reader.close()
    (effect,) = collector.services()["feedback"]
    assert effect.name == "feedback ReferralOpened"
    assert attributes(effect) == {
        "lahete.event_id": header(opened, "ce_id"),
        "lahete.referral_id": referral(1),
        "lahete.causation_id": "e1",
    }
    assert [(one.trace_id, one.span_id) for one in effect.links] == [place("referral", "e1")]
    (cause,) = collector.services()["referral"]
    assert cause.name == "referral ReferralIssued"
    assert attributes(cause) == {"lahete.event_id": "e1", "lahete.referral_id": referral(1)}
    assert (cause.trace_id, cause.span_id) == place("referral", "e1")
    assert [(one.trace_id.hex(), one.span_id.hex()) for one in cause.links] == [tuple(PARTNERS_OWN.split("-")[1:3])]
    assert 0 < cause.start_time_unix_nano <= cause.end_time_unix_nano
    assert collector.paths == {"/v1/traces"}


async def test_a_span_says_ids_and_nothing_of_what_an_event_says(world: EngineWorld, collector: Collector) -> None:
    spans = Spans("referral", collector.address)
    await world.take(world.log.event(issue()), world.log.event(choose("choir")), by=await traced(world, spans))
    spans.close()
    assert {key for span in collector.spans for key in attributes(span)} <= {
        "lahete.event_id",
        "lahete.referral_id",
        "lahete.causation_id",
    }
    for said in (b"unit-17", b"friends", b"choir", b"65-74", b"/region/06", b"intake.http"):
        assert [body for body in collector.bodies if said in body] == []


async def test_a_batch_that_fails_has_no_spans_until_it_is_read_again(world: EngineWorld, collector: Collector) -> None:
    spans = Spans("referral", collector.address)
    processor = await traced(world, spans)
    record = world.log.event(issue())
    world.wire.down = True
    with pytest.raises(BrokerUnavailable):
        await world.take(record, by=processor)
    world.wire.down = False
    await world.take(record, by=processor)
    spans.close()
    assert [span.span_id for span in collector.spans] == [place("referral", "e1")[1]]


async def test_a_traceparent_that_is_none_is_no_link(world: EngineWorld, collector: Collector) -> None:
    spans = Spans("referral", collector.address)
    await world.take(world.log.event(issue(), traceparent="00-zz"), by=await traced(world, spans))
    spans.close()
    assert [len(span.links) for span in collector.spans] == [0]


async def test_a_collector_that_is_away_keeps_no_service_from_its_work_nor_from_its_end(world: EngineWorld) -> None:
    spans = Spans("referral", "http://127.0.0.1:1")
    await world.take(world.log.event(issue()), by=await traced(world, spans))
    assert await world.applied() == ["e1"]
    async with asyncio.timeout(15):
        await asyncio.to_thread(spans.close)


async def test_without_an_address_nothing_of_it_is_even_loaded() -> None:
    asked = "import sys, shared.process.run; print('opentelemetry.sdk' in sys.modules)"
    asking = await asyncio.create_subprocess_exec(
        sys.executable, "-c", asked, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    assert (await asking.communicate())[0] == b"False\n"
    assert PlatformSettings.model_validate({}).otlp == ""


@pytest.mark.parametrize("address", ["collector:4318", "http://me:secret@collector:4318", "http://collector:4318/v1"])
async def test_an_address_that_is_none_or_holds_a_secret_stops_the_start(address: str) -> None:
    with pytest.raises(ValidationError):
        PlatformSettings.model_validate({"otlp": address})
