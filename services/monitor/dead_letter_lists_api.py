"""Dead letters in lists for ops: one by one, newest first. The audit keeps whose referrals a list shows."""

from collections.abc import Sequence
from typing import Annotated, Final, TypedDict

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor import selection
from services.monitor.looks import keep_listing
from services.monitor.model import Dead
from services.monitor.responses import DeadLetterShown, shown
from shared.contracts.error_kind import without_values
from shared.http.audit import deny_look
from shared.http.csv_cells import in_csv
from shared.http.keys import role_of, who_asks
from shared.http.operations import Content, Operation
from shared.http.parameters import Number

_MANY: Final = Number("limit", 1_000, 1, 10_000, "How many rows at most.")
_COLUMNS: Final = tuple(DeadLetterShown.__annotations__)
_LIMIT: Final = Number("limit", 100, 1, 500, "How many at most.")


class DeadLetters(TypedDict):
    """Dead letters, the newest first."""

    dead_letters: Annotated[list[DeadLetterShown], Meta(description="Those of this page.")]
    next: Annotated[
        str | None,
        Meta(
            description="Where `after` goes on; null at the end.",
            examples=["1788249600.0~0f2d7c3e-8a51-5b64-9c0d-3e1f6a2d8c11"],
        ),
    ]


async def list_dead_letters(request: Request) -> Response:
    """Dead letters, the newest first; ops alone. Whose referrals it shows is kept."""
    who = await must_be_ops(request)
    limit, meant, after = _LIMIT.of(request), selection.selection_of(request), selection.cursor_of(request)
    letters = await selection.chosen(request.app.state.store, meant, limit=limit + 1, after=after)
    page = letters[:limit]
    await keep_listing(request, who, "dead_letters", "dead-letters", concerned(page))
    further = str(selection.behind(page[-1])) if len(letters) > limit else None
    return JSONResponse(DeadLetters(dead_letters=[listed(one) for one in page], next=further))


async def export(request: Request) -> Response:
    """Dead letters as rows for a spreadsheet, the newest first, formulas disarmed; ops alone.

    Where there are more, the header Link leads on (RFC 8288). Whose referrals it shows is kept.
    """
    who = await must_be_ops(request)
    limit, meant, after = _MANY.of(request), selection.selection_of(request), selection.cursor_of(request)
    letters = await selection.chosen(request.app.state.store, meant, limit=limit + 1, after=after)
    page = letters[:limit]
    await keep_listing(request, who, "dead_letters", "dead-letters", concerned(page))
    rows = [listed(letter) for letter in page]
    headers = {"Content-Disposition": 'attachment; filename="dead-letters.csv"', "X-Content-Type-Options": "nosniff"}
    if len(letters) > limit:
        further = request.url.include_query_params(after=str(selection.behind(page[-1])))
        headers["Link"] = f'<{further.path}?{further.query}>; rel="next"'
    content = in_csv(_COLUMNS, ([row[column] for column in _COLUMNS] for row in rows))  # type: ignore[literal-required]
    return Response(content, media_type="text/csv", headers=headers)


async def must_be_ops(request: Request) -> str:
    """Who asks for a list. Keeps the look of anyone else, and refuses it. Raises 401, 403."""
    if role_of(who := who_asks(request)) != "ops":
        await deny_look(request, who, "dead_letters", "dead-letters", "ops")
    return who


def concerned(letters: Sequence[Dead]) -> list[str]:
    """The referrals of these letters."""
    return [letter.referral_id for letter in letters if letter.referral_id]


def listed(letter: Dead) -> DeadLetterShown:
    """A letter in a list: whoever reads one opens nothing, so that an id or a value in it would be a look unkept."""
    return {**shown(letter), "error": without_values(letter.error)}


def operations() -> list[Operation]:
    """The lists' addresses: ops alone."""
    ops, filters = ("ops",), (selection.AFTER, *selection.FILTERS)
    csv = Content({"text/csv": {"type": "string"}}, "A row a letter, behind one of the columns' names.")
    return [
        Operation("GET", "/v1/dead-letters", list_dead_letters, {200: DeadLetters}, ops, (_LIMIT, *filters)),
        Operation("GET", "/v1/dead-letters.csv", export, {200: csv}, ops, (_MANY, *filters)),
    ]
