"""Reading query parameters, with a clear answer to what cannot be."""

from collections.abc import Collection

from starlette.requests import Request

from shared.contracts.errors import Problem
from shared.http.problems import ProblemError


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
    if not value.isascii() or not value.isdigit() or not low <= int(value[:12]) <= high:
        raise ProblemError(422, f"{name} is {value[:60]!r}; it is a whole number from {low} to {high}")
    return int(value)
