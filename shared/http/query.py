"""Reading query parameters, with a clear answer to what cannot be. What an address does not take is refused."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from functools import wraps
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from shared.contracts.errors import Problem
from shared.http.problems import ProblemError

Endpoint = Callable[[Request], Awaitable[Response]]

_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_TAKEN: Final[dict[Endpoint, tuple[str, ...]]] = {}


def takes(*names: str) -> Callable[[Endpoint], Endpoint]:
    """Declares the query parameters of an endpoint; without, it takes none."""

    def declared(endpoint: Endpoint) -> Endpoint:
        _TAKEN[endpoint] = names
        return endpoint

    return declared


def taken_by(endpoint: Endpoint) -> tuple[str, ...]:
    """The query parameters that an endpoint takes."""
    return _TAKEN.get(endpoint, ())


def strict(endpoint: Endpoint) -> Endpoint:
    """The endpoint, which answers 422 to a parameter that it does not take, or that is given twice."""
    names = taken_by(endpoint)

    @wraps(endpoint)
    async def judged(request: Request) -> Response:
        given = [name for name, _ in request.query_params.multi_items()]
        unknown = dict.fromkeys(name for name in given if name not in names)
        if unknown:
            raise _refused(unknown, f"is no parameter here; there {_there_are(names)}")
        if twice := [name for name, times in Counter(given).items() if times > 1]:
            raise _refused(twice, "is given more than once")
        return await endpoint(request)

    return judged


def _there_are(names: Collection[str]) -> str:
    return f"are {', '.join(names)}" if names else "are none"


def _refused(names: Collection[str], why: str) -> ProblemError:
    first = next(iter(names))
    return ProblemError(422, f"{first[:60]!r} {why}", [Problem(f"/{name[:60]}", why) for name in names])


def choice(request: Request, name: str, allowed: Collection[str]) -> str | None:
    """One of a few values, or None where it is not given. Raises 422."""
    value = request.query_params.get(name)
    if value is None or value in allowed:
        return value
    some = ", ".join(list(allowed)[:20])
    raise ProblemError(422, f"{name} is {value[:60]!r}; it is one of {some}", [Problem(f"/{name}", "is not known")])


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number between two bounds. Raises 422."""
    value = request.query_params.get(name, str(default))
    if not _DIGITS.fullmatch(value) or not low <= int(value) <= high:
        problem = Problem(f"/{name}", f"is a whole number from {low} to {high}")
        raise ProblemError(422, f"{name} is {value[:60]!r}; it {problem.message}", [problem])
    return int(value)
