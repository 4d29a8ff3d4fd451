"""The addresses of a service as a table: what each takes, whom it answers, and what.

The router and the OpenAPI document are made from it; an address refuses a parameter that it does not take.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.contracts.errors import Problem
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError

Endpoint = Callable[[Request], Awaitable[Response]]
Shape = Any
"""What a body is: a type that msgspec knows, or a JSON Schema."""

_NAMED_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_OF_A_KEY: Final = (401, 429, 503)
_OF_A_BODY: Final = (400, 413, 415)


class Content(NamedTuple):
    """The shape of an answer or a body, with its media type."""

    by_type: Mapping[str, Shape]
    description: str
    most: int = 0
    """Bytes, of a request's body."""


def page(description: str) -> Content:
    """An answer for people."""
    return Content({"text/html": {"type": "string"}}, description)


def in_json(shape: Shape, most: int, description: str) -> Content:
    """A body in JSON of at most so many bytes."""
    return Content({"application/json": shape}, description, most)


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    `who`: the kinds of keys that may ask, none for a public address. `answers`: by status, a type or `Content`.
    `hides`: other holders get 404, as for an unknown thing. `also`: statuses of problems besides those that follow from
    the rest: 422 of any address, and those of a key and a body, unless `answers` has them. `never`: those of them that it
    does not answer all the same.
    """

    method: str
    path: str
    endpoint: Endpoint
    answers: Mapping[int, Shape | Content]
    who: tuple[str, ...] = ()
    takes: tuple[Parameter, ...] = ()
    body: Content | None = None
    hides: bool = False
    also: tuple[int, ...] = field(default=())
    never: tuple[int, ...] = ()

    @property
    def in_path(self) -> list[str]:
        """The names of the parameters in its path."""
        return _NAMED_IN_PATH.findall(self.path)

    @property
    def query(self) -> list[str]:
        """The names of its query parameters."""
        beside = self.in_path
        return [one.name for one in self.takes if one.where == "query" and one.name not in beside]

    @property
    def problems(self) -> list[int]:
        """The statuses of its problems, without those that any address may answer."""
        of_key = (*_OF_A_KEY, 404 if self.hides else 403) if self.who else ()
        of_body = _OF_A_BODY if self.body else ()
        return sorted({422, *of_key, *of_body} - {*self.answers, *self.never} | {*self.also})

    def route(self) -> Route:
        """The operation as the router has it."""
        return Route(self.path, _strict(self.endpoint, self.query), methods=[self.method])


def _strict(endpoint: Endpoint, names: Collection[str]) -> Endpoint:
    """The endpoint, which answers 422 to a parameter that it does not take, or that stands twice."""

    @wraps(endpoint)
    async def judged(request: Request) -> Response:
        sent = [name for name, _ in request.query_params.multi_items()]
        unknown = dict.fromkeys(name for name in sent if name not in names)
        if unknown:
            raise _refused(unknown, f"is no parameter here; there {_there_are(names)}")
        if twice := [name for name, times in Counter(sent).items() if times > 1]:
            raise _refused(twice, "is given more than once")
        return await endpoint(request)

    return judged


def _there_are(names: Collection[str]) -> str:
    return f"are {', '.join(names)}" if names else "are none"


def _refused(names: Collection[str], why: str) -> ProblemError:
    first = next(iter(names))
    return ProblemError(422, f"{first[:60]!r} {why}", [Problem(f"/{name[:60]}", why) for name in names])
