"""GET /v1/checks: whether the platform can work, and what to do where it cannot."""

from typing import Annotated, Final, TypedDict

import httpx
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.checks import Checked, CheckState, Ground, checked
from shared.http.keys import must_be
from shared.http.operations import Operation

_MAY_ASK: Final = ("ops", "reader")
_WITHIN: Final = 3.0


class CheckShown(TypedDict):
    """What one check has found."""

    name: Annotated[str, Meta(description="The check; of one service with its name.", examples=["ready:referral"])]
    service: Annotated[str | None, Meta(description="The service that it is about, if one.", examples=["referral"])]
    state: Annotated[
        CheckState,
        Meta(description="`not_asked` where one that it stands on is not `ok`.", examples=["ok"]),
    ]
    said: Annotated[
        str, Meta(description="What is wrong, in one line; empty where nothing is.", examples=["missing: audit.events"])
    ]
    advice: Annotated[
        str,
        Meta(
            description="What to do where it failed.", examples=["Run `lahete topics apply`; it makes what is missing."]
        ),
    ]
    needs: Annotated[list[str], Meta(description="The checks that it stands on.", examples=[["kafka"]])]


class ChecksShown(TypedDict):
    """All checks, each behind those that it stands on."""

    all_ok: Annotated[bool, Meta(description="Whether all are `ok`.", examples=[True])]
    checks: Annotated[list[CheckShown], Meta(description="The checks, in order.")]


async def checks(request: Request) -> Response:
    """Whether the platform can work: checks, each behind those that it stands on, with what to do; for ops and readers."""
    must_be(request, *_MAY_ASK)
    state = request.app.state
    settings = state.settings
    async with httpx.AsyncClient(timeout=_WITHIN, verify=state.tls) as client:
        ground = Ground(
            state.store,
            state.cluster,
            settings.service_urls,
            settings.service_key(),
            state.lag_sampler.services,
            client,
            state.clock,
            settings.beats(),
        )
        found = await checked(ground)
    return JSONResponse({"all_ok": all(one.state == "ok" for one in found), "checks": [_shown(one) for one in found]})


def _shown(one: Checked) -> CheckShown:
    check = one.check
    return {
        "name": check.name,
        "service": check.about or None,
        "state": one.state,
        "said": one.said,
        "advice": check.advice,
        "needs": list(check.needs),
    }


OPERATION: Final = Operation("GET", "/v1/checks", checks, {200: ChecksShown}, _MAY_ASK, never=(503,))
