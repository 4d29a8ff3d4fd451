"""Counts the doors' answers: statuses, and why an event or a key was refused. Labels hold no ids and no senders."""

from typing import Final, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.contracts.errors import REASONS
from shared.contracts.every_service_events import AccessRecorded
from shared.http.problem_types import PHRASES
from shared.http.problems import REFUSED_FOR

_OF_PROBES: Final = ("/health/", "/metrics")
_KEYS: Final = ("none", "unknown")


class Counted:
    """An application whose answers are counted; those to Prometheus and to readiness probes are not."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service
        for status in (200, 201, 202, *PHRASES):
            metrics.ANSWERS.labels(service, status)
        for reason in REASONS[: REASONS.index("conflict")]:
            metrics.DOOR_REFUSALS.labels(service, reason)
        for why in _KEYS:
            metrics.KEY_REFUSALS.labels(service, why)
        for action in get_args(AccessRecorded.model_fields["action"].annotation):
            metrics.DENIED_LOOKS.labels(service, action)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or scope["path"].startswith(_OF_PROBES):
            await self._app(scope, receive, send)
            return
        noted = scope.setdefault("state", {})

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count_why(noted.get(REFUSED_FOR))
                self.count(message["status"])
            await send(message)

        await self._app(scope, receive, counting)

    def count(self, status: int) -> None:
        """Counts an answer, also one that the server sends before there is a request."""
        metrics.ANSWERS.labels(self._service, status).inc()

    def _count_why(self, refused_for: str | None) -> None:
        if refused_for in _KEYS:
            metrics.KEY_REFUSALS.labels(self._service, refused_for).inc()
        elif refused_for:
            metrics.DOOR_REFUSALS.labels(self._service, refused_for).inc()
