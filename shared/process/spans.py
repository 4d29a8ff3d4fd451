"""Spans by OTLP, with the extra `otel`: one for each event that a service dealt with, linked to that of the event's cause.

A span's ids follow from service and event id. So the link to a cause needs nothing on the wire, and an event that is
read again is the same span again. All services' spans of one event are one trace. Attributes are ids, nothing else.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.contracts.envelope import Event
from shared.engine.model import Table
from shared.engine.receive import RoutedEvent, receive

_WAITING: Final = 20_000
_EXPORTED_WITHIN: Final = 5.0
_OF_A_SERVICE: Final = "/service/"


def context_of(service: str, event_id: str) -> SpanContext:
    """The span of one event at one service, whoever asks."""
    trace = int.from_bytes(blake2b(event_id.encode(), digest_size=16).digest())
    span = int.from_bytes(blake2b(f"{service} {event_id}".encode(), digest_size=8).digest())
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class _Ids(IdGenerator):
    """The ids of the span that begins next."""

    context: SpanContext

    def generate_span_id(self) -> int:
        return self.context.span_id

    def generate_trace_id(self) -> int:
        return self.context.trace_id


class Spans:
    """The spans of one service. An event's span begins as it is read and ends once all that follows from it is out.

    Args:
        collector: the base of its address, http://host:4318.
    """

    def __init__(self, service: str, collector: str) -> None:
        self._service = service
        self._ids = _Ids()
        exporter = OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces", timeout=_EXPORTED_WITHIN)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.namespace": "kulttuurilahete"}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, _WAITING))
        self._tracer = self._provider.get_tracer("lahete")
        self._being_read: list[tuple[Event, int]] = []
        self._in_hand: list[tuple[Event, int]] = []

    def reading(self, table: Table) -> Table:
        """The table, whose events are noted as they are read."""
        inner = table.receive or receive

        def noting(record: Any, table: Table, now: datetime) -> Any:
            received = inner(record, table, now)
            for one in received if isinstance(received, tuple) else (received,):
                if isinstance(one, RoutedEvent):
                    self._being_read.append((one.event, time.time_ns()))
            return received

        return dataclasses.replace(table, receive=noting)

    def between(self, then: Callable[[str], None]) -> Callable[[str], None]:
        """What the engine calls after each of its steps. A batch that fails is read again, and only then has spans."""

        def after(step: str) -> None:
            if step == "received":
                self._in_hand, self._being_read = self._being_read, []
            elif step == "published":
                self._end()
            then(step)

        return after

    def close(self) -> None:
        """Sends what is left, for as long as one request may take."""
        self._provider.shutdown()

    def _end(self) -> None:
        for event, began in self._in_hand:
            self._ids.context = context_of(self._service, event.id)
            span = self._tracer.start_span(
                f"{self._service} {event.name}",
                Context(),
                SpanKind.CONSUMER,
                dict(_ids_of(event)),
                list(_links_of(event)),
                start_time=began,
            )
            span.end()
        self._in_hand = []


def _ids_of(event: Event) -> Iterator[tuple[str, str]]:
    yield "lahete.event_id", event.id
    if referral := getattr(event.data, "referral_id", None) or event.correlation:
        yield "lahete.referral_id", referral
    if event.causation:
        yield "lahete.causation_id", event.causation


def _links_of(event: Event) -> Iterator[Link]:
    """To the cause, at the service that let the event follow; of a partner's event to the partner's own span."""
    if event.source.startswith(_OF_A_SERVICE):
        if event.causation:
            yield Link(context_of(event.source.removeprefix(_OF_A_SERVICE), event.causation))
    elif event.traceparent:
        carrier = {"traceparent": event.traceparent}
        partner = get_current_span(TraceContextTextMapPropagator().extract(carrier, Context())).get_span_context()
        if partner.is_valid:
            yield Link(partner)
