"""Errors over HTTP: RFC 9457 problem details, raised anywhere below a route."""

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from shared.contracts.errors import EventError, PersonalData, Problem
from shared.contracts.personal_identity import mask
from shared.http.problem_types import BLANK, PERSONAL_DATA, PHRASES, ProblemType

REFUSED_FOR = "refused_for"
_NO_ADDRESS = "this service has no such address; /openapi.json says which service has which"


class ProblemError(Exception):
    """An answer that is an error.

    `retry_after`: seconds. `headers`: those that the status asks for. `why`, for the metrics: the reason of an event,
    or `none` or `unknown` of a key. `kind`: where the status alone does not say what to do.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Problem] = (),
        *,
        retry_after: int | None = None,
        why: str = "",
        headers: Mapping[str, str] | None = None,
        kind: ProblemType | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.why = why
        self.headers = headers or {}
        self.kind = kind


def problem_of(error: EventError, prefix: str = "") -> ProblemError:
    """The answer to an event that the door cannot take; `prefix` is its place in a batch."""
    status = {"undecodable": 400, "forged_sender": 403}.get(error.reason, 422)
    errors = [Problem(prefix + problem.path, problem.message) for problem in error.problems]
    kind = PERSONAL_DATA if isinstance(error, PersonalData) else None
    return ProblemError(status, f"{prefix}: {error}".removeprefix(": "), errors, why=error.reason, kind=kind)


def respond(error: ProblemError) -> Response:
    """The problem as a response."""
    body: dict[str, object] = {
        "type": error.kind.uri if error.kind else BLANK,
        "title": error.kind.title if error.kind else PHRASES[error.status],
        "status": error.status,
        "detail": mask(error.detail)[:2_000],
    }
    if error.errors:
        body["errors"] = [{"path": mask(path), "message": mask(message)} for path, message in error.errors[:100]]
    headers = dict(error.headers)
    if error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, error.status, headers, media_type="application/problem+json")


async def on_problem(request: Request, error: Exception) -> Response:
    """Starlette's handler for `ProblemError`; leaves why for the counter of answers."""
    assert isinstance(error, ProblemError)
    setattr(request.state, REFUSED_FOR, error.why)
    return respond(error)


async def on_http(request: Request, error: Exception) -> Response:
    """Starlette's handler for its router's own refusals."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return respond(ProblemError(404, _NO_ADDRESS))
    if error.status_code == 405:
        return respond(_other_method(request))
    return respond(ProblemError(error.status_code, str(error.detail), headers=error.headers))


def _other_method(request: Request) -> ProblemError:
    # A route has one method; the router's own header names the first route's alone.
    routes = (route for route in request.app.routes if isinstance(route, Route))
    at_this = (route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    allowed = ", ".join(sorted(set().union(*at_this)))
    detail = f"this address takes {allowed}, not {request.method[:20]}; /openapi.json says what each does"
    return ProblemError(405, detail, headers={"Allow": allowed})


async def on_gone(_: Request, error: Exception) -> Response:
    """Starlette's handler for a sender that left before its body was whole: nobody reads the answer."""
    assert isinstance(error, ClientDisconnect)
    return respond(ProblemError(400, "the connection ended before the body did"))


async def on_outage(_: Request, error: Exception) -> Response:
    """Starlette's handler for a store that does not answer: its address is nobody's business outside."""
    return respond(ProblemError(503, "the database does not answer now; ask again", retry_after=5))


async def on_no_kafka(_: Request, error: Exception) -> Response:
    """Starlette's handler for a question that Kafka does not answer."""
    return respond(ProblemError(503, "Kafka does not answer now; ask again", retry_after=5))


async def on_fault(_: Request, error: Exception) -> Response:
    """Starlette's handler for an unforeseen exception: the server logs it, and the answer hides it."""
    return respond(ProblemError(500, "the request failed here; it is logged; send it again with the same ids"))
