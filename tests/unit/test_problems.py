"""What a problem is called, over every problem that the code can make: RFC 9457's about:blank, or a type that is documented."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.contracts.errors import EventError
from shared.http import problem_types
from shared.http.problem_types import PHRASES, TYPES, ProblemType
from shared.http.problems import ProblemError, on_http, problem_of, respond

REPOSITORY = Path(__file__).resolve().parents[2]
RENAMED_BY_RFC_9110 = {413, 422}
"""Which Python calls as RFC 7231 and 4918 did, until 3.13."""


def told(error: ProblemError) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(bytes(respond(error).body))
    return body


def made() -> Iterator[tuple[str, ast.Call]]:
    """Every place in the code where a problem is made."""
    for house in ("shared", "services"):
        for path in sorted((REPOSITORY / house).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ProblemError":
                    yield f"{path.relative_to(REPOSITORY)}:{node.lineno}", node


def kind_of(call: ast.Call) -> str | None:
    return next((ast.unparse(one.value) for one in call.keywords if one.arg == "kind"), None)


@pytest.mark.parametrize("status", PHRASES)
def test_a_problem_without_a_type_of_its_own_has_the_phrase_of_its_status(status: int) -> None:
    body = told(ProblemError(status, "why"))
    assert (body["type"], body["title"], body["status"]) == ("about:blank", PHRASES[status], status)
    assert status in RENAMED_BY_RFC_9110 or body["title"] == HTTPStatus(status).phrase


@pytest.mark.asyncio
async def test_who_asks_at_no_address_is_led_to_the_document_that_has_them_all() -> None:
    answer = await on_http(Request({"type": "http"}), HTTPException(404))
    assert "/openapi.json" in msgspec.json.decode(bytes(answer.body))["detail"]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_type_of_its_own_is_told_and_documented(kind: ProblemType) -> None:
    body = told(ProblemError(kind.status, "why", kind=kind))
    assert (body["type"], body["title"], body["status"]) == (kind.uri, kind.title, kind.status)
    row = f"| `{kind.name}` | {kind.status} | {kind.title} | {kind.advice} |"
    assert row in (REPOSITORY / "docs/contracts.md").read_text(encoding="utf-8").splitlines()


def test_every_problem_that_the_code_makes_has_a_status_with_a_phrase_and_a_type_that_is_of_that_status() -> None:
    """Statuses that are no literal are those of another problem, of the router's refusals, or `problem_of`'s."""
    kinds = {name: one for name, one in vars(problem_types).items() if isinstance(one, ProblemType)}
    passed_on = {"status", "error.status", "first.status", "error.status_code"}
    for place, call in made():
        status, kind = ast.unparse(call.args[0]), kind_of(call)
        assert status in passed_on or int(status) in PHRASES, place
        assert kind in {None, "kind", "error.kind", "first.kind"} or kinds[str(kind)].status == int(status), place


def test_every_type_is_one_that_the_code_makes() -> None:
    names = {name for name, one in vars(problem_types).items() if isinstance(one, ProblemType)}
    sources = [path.read_text() for house in ("shared", "services") for path in (REPOSITORY / house).rglob("*.py")]
    assert [name for name in names if sum(name in re.findall(r"\b[A-Z_]+\b", source) for source in sources) < 2] == []
    assert len(names) == len(TYPES) == len({one.uri for one in TYPES})


@pytest.mark.parametrize("error", EventError.__subclasses__(), ids=lambda one: one.reason)
def test_an_event_that_cannot_be_taken_has_the_phrase_of_its_status_but_for_personal_data(
    error: type[EventError],
) -> None:
    body = told(problem_of(error("why")))
    if error.reason == "personal_data":
        assert (body["type"], body["status"]) == (problem_types.PERSONAL_DATA.uri, 422)
    else:
        assert (body["type"], body["title"]) == ("about:blank", PHRASES[body["status"]])
