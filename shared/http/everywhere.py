"""The addresses of every service besides its own: whether it lives and is ready, metrics, the OpenAPI document."""

from functools import cache
from pathlib import Path
from typing import Annotated, Final, TypedDict

from msgspec import Meta
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.http import outcomes, rehearsal
from shared.http.operations import Content, Operation

DOCUMENT: Final = Path(__file__).with_name("openapi.json")
"""docs/contracts/openapi.json: a link to it here, itself in a wheel."""


class Alive(TypedDict):
    """The process answers."""

    live: Annotated[
        bool, Meta(description="Always true: a process that does not live does not answer.", examples=[True])
    ]


class Readiness(TypedDict):
    """Whether the service works, and what it lacks, a line each."""

    ready: Annotated[bool, Meta(description="Whether it can do its work now.", examples=[False])]
    missing: Annotated[
        list[str],
        Meta(description="What it lacks, a line each; empty where it is ready.", examples=[["Kafka is away"]]),
    ]


async def live(_: Request) -> Response:
    """Whether the process lives."""
    return JSONResponse(Alive(live=True))


async def ready(request: Request) -> Response:
    """Whether the service is ready, else what is missing."""
    missing = list(request.app.state.not_ready())
    return JSONResponse(Readiness(ready=not missing, missing=missing), 503 if missing else 200)


async def metrics(_: Request) -> Response:
    """The metrics, for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@cache
def _document() -> bytes:
    return DOCUMENT.read_bytes()


async def openapi(_: Request) -> Response:
    """This document: every address of all services."""
    return Response(_document(), media_type="application/json")


EVERYWHERE: Final = (
    Operation("GET", "/health/live", live, {200: Alive}),
    Operation("GET", "/health/ready", ready, {200: Readiness, 503: Readiness}),
    Operation(
        "GET", "/metrics", metrics, {200: Content({"text/plain": {"type": "string"}}, "Prometheus' text format.")}
    ),
    Operation(
        "GET", "/openapi.json", openapi, {200: Content({"application/json": {"type": "object"}}, "OpenAPI 3.1.")}
    ),
    outcomes.OPERATION,
    rehearsal.OPERATION,
)
