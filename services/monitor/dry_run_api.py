"""A dry run for ops: what would become of the chosen dead letters if they were sent again now. It changes nothing."""

from collections import Counter
from typing import Annotated, Any, Final, TypedDict

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.model import Dead
from services.monitor.redrives_api import Chosen, ChosenCount, must_be_ops, order_of, who_is_chosen
from services.monitor.rehearsals import Forecast, forecast
from services.monitor.responses import DeadLetterId
from services.monitor.selection import whole
from shared.contracts.error_kind import without_values
from shared.http.body import read_json
from shared.http.operations import Operation, in_json
from shared.http.problems import ProblemError
from shared.http.shapes import Count

_MOST_SAID: Final = 64 * 1024
MOST_TRIED: Final = 500


class DryRunAsked(Chosen, kw_only=True):
    """What would be sent again."""

    most: Annotated[
        int, Meta(ge=0, le=MOST_TRIED, description="How many are tried at most, the oldest first.", examples=[100])
    ] = 100


class LetterForecast(TypedDict):
    """What would become of one letter."""

    dl_id: DeadLetterId
    would: Annotated[
        str,
        Meta(
            description="`applied`; `repeated`: known already; `waits` for another event; `rejected`, `handler_failed` or "
            "`refused` again; `skipped`: it is not open, or cannot be sent again; `unknown`: its service does not answer.",
            examples=["rejected"],
        ),
    ]
    why: Annotated[
        str,
        Meta(description="Why, without ids and values; empty where it is applied.", examples=["no consent for it"]),
    ]


class DryRun(TypedDict):
    """What would become of the chosen letters, the oldest first."""

    chosen: ChosenCount
    tried: Annotated[Count, Meta(description="How many of them were tried.")]
    would: Annotated[
        dict[str, int],
        Meta(description="How many of these would end so.", examples=[{"applied": 9, "rejected": 1}]),
    ]
    letters: Annotated[list[LetterForecast], Meta(description="One for each that was tried.")]


async def dry_run(request: Request) -> Response:
    """Asks the services that refused the letters what would become of them now; ops alone. Changes nothing."""
    await must_be_ops(request)
    asked = await read_json(request, _MOST_SAID, DryRunAsked)
    said: dict[str, Any] = msgspec.to_builtins(asked)
    most = said.pop("most")
    order = order_of(request, {**said, "why": "dry run"})
    chosen = await who_is_chosen(request, order, most)
    if not chosen.total:
        raise ProblemError(409, "no open dead letter is chosen by this; nothing would be sent again")
    letters: list[Dead] = await whole(request.app.state.store, [letter.dl_id for letter in chosen.oldest])
    found = await forecast(request.app.state.owners, letters)
    answer: DryRun = {
        "chosen": chosen.total,
        "tried": len(found),
        "would": dict(Counter(one.would for one in found)),
        "letters": [_shown(one) for one in found],
    }
    return JSONResponse(answer)


def _shown(one: Forecast) -> LetterForecast:
    return {"dl_id": one.letter.dl_id, "would": one.would, "why": without_values(one.why)}


OPERATION: Final = Operation(
    "POST",
    "/v1/redrives/dry-run",
    dry_run,
    {200: DryRun},
    ("ops",),
    body=in_json(DryRunAsked, _MOST_SAID, "What would be sent again."),
    also=(409,),
)
