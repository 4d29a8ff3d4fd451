"""What the doors answer is counted, by status and by why; nothing that is counted names anybody."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared import metrics
from shared.contracts.errors import REASONS, EventError, Forged, Invalid
from shared.http.counted import Counted
from shared.http.keys import Keyring, hash_of, must_be, write_hashes
from shared.http.operations import Operation
from shared.http.problem_types import PHRASES
from shared.http.problems import problem_of
from shared.http.server import application
from shared.process.settings import PlatformSettings

OPS = "ops:anna"
STRANGER = "lahete_" + "x" * 43


class RefusingDoors:
    """An application whose events are all refused, with the counters of a service of its own."""

    def __init__(self, keys: Any) -> None:
        self.service = f"test-{uuid4()}"
        write_hashes(keys, {hash_of("the key"): OPS})
        self.refuses: EventError = Invalid("/data: is missing")
        operations = [
            Operation("GET", "/ops/{id}", self._for_ops, {}),
            Operation("POST", "/events", self._take, {}),
        ]
        state = {"keyring": Keyring(keys), "rates": PlatformSettings.model_validate({}).rates()}
        self._app = Counted(application(operations, lambda: ["Kafka"], state), self.service)

    async def _for_ops(self, request: Request) -> Response:
        if must_be(request, "ops") and request.path_params["id"] == "fault":
            raise RuntimeError("nobody foresaw it")
        return JSONResponse({})

    async def _take(self, _: Request) -> Response:
        raise problem_of(self.refuses)

    async def ask(self, method: str, path: str, key: str | None = None) -> int:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return (await client.request(method, path, headers=headers)).status_code

    def counted(self, name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"service": self.service, **labels})


@pytest.fixture
def doors(tmp_path: Any) -> RefusingDoors:
    return RefusingDoors(tmp_path / "keys.json")


def test_every_counter_is_there_at_0_before_anything_is_asked(doors: RefusingDoors) -> None:
    """Prometheus sees no increase of a counter that begins with its first event."""
    assert {doors.counted("lahete_http_answers_total", status=str(status)) for status in (200, 202, *PHRASES)} == {0}
    assert {doors.counted("lahete_denied_looks_total", action=action) for action in ("read", "trace")} == {0}
    assert {doors.counted("lahete_key_refusals_total", key=key) for key in ("none", "unknown")} == {0}
    of_the_doors = ("undecodable", "unknown_type", "invalid", "personal_data", "forged_sender")
    assert {doors.counted("lahete_door_refusals_total", reason=reason) for reason in of_the_doors} == {0}


def test_the_loop_counts_from_0_every_reason_and_every_outcome_of_what_it_handles() -> None:
    metrics.begin(service := f"test-{uuid4()}", ["ReferralIssued"])
    for reason in REASONS:
        assert REGISTRY.get_sample_value("lahete_dead_letters_total", {"service": service, "reason": reason}) == 0
    for outcome in ("applied", "repetition", "waiting", "conflict", "rejected", "handler_failed"):
        labels = {"service": service, "type": "ReferralIssued", "outcome": outcome}
        assert REGISTRY.get_sample_value("lahete_events_total", labels) == 0
    assert REGISTRY.get_sample_value("lahete_circuit_breaker_open", {"service": service}) == 0


def test_nothing_is_told_twice(doors: RefusingDoors) -> None:
    assert doors.counted("lahete_http_answers_created", status="200") is None


@pytest.mark.asyncio
async def test_answers_are_counted_by_status_also_where_nobody_foresaw_the_fault(doors: RefusingDoors) -> None:
    asked = [await doors.ask("GET", path, "the key") for path in ("/ops/1", "/ops/2", "/ops/fault", "/nowhere")]
    assert asked == [200, 200, 500, 404]
    assert doors.counted("lahete_http_answers_total", status="200") == 2
    assert doors.counted("lahete_http_answers_total", status="500") == 1
    assert doors.counted("lahete_http_answers_total", status="404") == 1


@pytest.mark.asyncio
async def test_probes_are_not_counted(doors: RefusingDoors) -> None:
    assert [await doors.ask("GET", path) for path in ("/health/ready", "/health/live", "/metrics")] == [503, 200, 200]
    assert doors.counted("lahete_http_answers_total", status="503") == 0
    assert doors.counted("lahete_http_answers_total", status="200") == 0


@pytest.mark.asyncio
async def test_wrong_keys_are_counted_apart_from_none(doors: RefusingDoors) -> None:
    assert [await doors.ask("GET", "/ops/1", key) for key in (None, STRANGER, STRANGER)] == [401, 401, 401]
    assert doors.counted("lahete_key_refusals_total", key="none") == 1
    assert doors.counted("lahete_key_refusals_total", key="unknown") == 2


@pytest.mark.asyncio
async def test_events_refused_at_the_door_are_counted_by_why(doors: RefusingDoors) -> None:
    assert await doors.ask("POST", "/events") == 422
    doors.refuses = Forged("/source: /region/06 is not the sender, /region/07")
    assert await doors.ask("POST", "/events") == 403
    assert doors.counted("lahete_door_refusals_total", reason="invalid") == 1
    assert doors.counted("lahete_door_refusals_total", reason="forged_sender") == 1
    assert doors.counted("lahete_key_refusals_total", key="unknown") == 0
