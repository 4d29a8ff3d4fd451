"""The parameters of an address, in path, query and headers: declared once, for the document and the reading.

A parameter's declaration is what its values are judged by, with a clear answer to an impossible one.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

from starlette.requests import Request

from shared.contracts.errors import Problem
from shared.http.problem_types import ProblemType
from shared.http.problems import ProblemError

_DIGITS: Final = re.compile(r"[0-9]{1,12}")
_MOST_NAMED: Final = 50
"""How many values the document names one by one; for more it describes their form."""


class Parameter:
    """A text of any kind. It stands in the path if the path has its name, else where `where` says."""

    def __init__(
        self,
        name: str,
        description: str,
        *,
        example: str | None = None,
        where: Literal["query", "header"] = "query",
        **rules: object,
    ) -> None:
        self.name = name
        self.description = description
        self.example = example
        self.where = where
        self.schema: Mapping[str, Any] = {"type": "string", **rules}

    def value(self, request: Request) -> str | None:
        """Its value in the query, or None without one."""
        return request.query_params.get(self.name)

    def refused(self, value: str, why: str, short: str = "", kind: ProblemType | None = None) -> ProblemError:
        """The answer to an impossible value."""
        errors = [Problem(f"/{self.name}", short or why)]
        return ProblemError(422, f"{self.name} is {value[:60]!r}; {why}", errors, kind=kind)


class OneOf(Parameter):
    """One of a few values."""

    def __init__(self, name: str, allowed: Collection[str], description: str, **rules: object) -> None:
        named = {"enum": list(allowed)} if len(allowed) <= _MOST_NAMED else {}
        super().__init__(name, description, **named, **rules)  # type: ignore[arg-type]
        self._allowed = allowed

    def of(self, request: Request) -> str | None:
        """The value, or None without one. Raises 422."""
        value = self.value(request)
        if value is None or value in self._allowed:
            return value
        raise self.refused(value, f"it is one of {', '.join(list(self._allowed)[:20])}", "is not known")


class Number(Parameter):
    """A whole number between two bounds."""

    def __init__(self, name: str, default: int, low: int, high: int, description: str) -> None:
        super().__init__(name, description)
        self.schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
        self._default, self._low, self._high = default, low, high

    def of(self, request: Request) -> int:
        """The value, or the default without one. Raises 422."""
        value = self.value(request)
        if value is None:
            return self._default
        if _DIGITS.fullmatch(value) and self._low <= int(value) <= self._high:
            return int(value)
        is_one = f"is a whole number from {self._low} to {self._high}"
        raise self.refused(value, f"it {is_one}", is_one)


class Pattern(Parameter):
    """A text of one form; `it_is` names the form in the refusal of another."""

    def __init__(self, name: str, pattern: str, it_is: str, description: str, *, example: str | None = None) -> None:
        super().__init__(name, description, example=example, pattern=f"^{pattern}$")
        self._pattern = re.compile(pattern)
        self._it_is = it_is

    def of(self, request: Request) -> re.Match[str] | None:
        """The value's parts, or None without one. Raises 422."""
        value = self.value(request)
        if value is None or (known := self._pattern.fullmatch(value)):
            return known if value is not None else None
        raise self.refused(value, f"it is {self._it_is}")


class After(Pattern):
    """Where a list goes on that stands in order of a number, such as a time in seconds, and then of ids: `<number>~<id>`."""

    def __init__(self, ids: str, example: str) -> None:
        says = "Where to go on: the `next` of the answer before."
        super().__init__(
            "after", rf"([0-9]{{1,12}}\.[0-9]{{1,9}})~({ids})", "the `next` of an answer", says, example=example
        )

    def place(self, request: Request) -> tuple[float, str] | None:
        """Behind which number and id, or None without one. Raises 422."""
        found = self.of(request)
        return (float(found[1]), found[2]) if found else None


def further(number: float, id_: str) -> str:
    """The place behind this number and id, as `After` reads it."""
    return f"{number!r}~{id_}"
