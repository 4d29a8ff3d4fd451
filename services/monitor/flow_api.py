"""Which classes come from whom to whom, and which have stopped."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Final, TypedDict, get_args

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.flow import FlowState, edges
from services.monitor.sender_watch import SenderWatch
from shared.contracts.registry import CLASSES
from shared.http.keys import must_be
from shared.http.operations import Operation
from shared.http.parameters import OneOf
from shared.http.shapes import Count

_A_WEEK: Final = timedelta(days=6)
_STATE: Final = OneOf("state", get_args(FlowState), "Only those of which this is so.")


class EdgeShown(TypedDict):
    """A class from a kind of sender to its owner, in the last seven days, today among them."""

    sender: Annotated[
        str, Meta(description="The kind of sender, or the service; `?` where nothing proves it.", examples=["region"])
    ]
    name: Annotated[str, Meta(description="The class; `?` where it is none.", examples=["ReferralIssued"])]
    to: Annotated[str, Meta(description="The service that owns the class; `?`: nobody.", examples=["referral"])]
    state: Annotated[
        FlowState,
        Meta(description="`silent`: declared, and nothing came; `undeclared`: it came, and nobody declares it."),
    ]
    events: Annotated[Count, Meta(description="How many records came, repeated ones too.")]
    refused: Annotated[Count, Meta(description="How many times one could not be taken.")]
    delay: Annotated[
        float, Meta(ge=0, description="Seconds from their own time until they came, on average.", examples=[1.5])
    ]


class Flow(TypedDict):
    """The flows of a week: undeclared ones first, then silent ones."""

    edges: Annotated[list[EdgeShown], Meta(description="Each kind of sender with each of its classes.")]


async def flow(request: Request) -> Response:
    """Which classes came from whom to whom in the last seven days; for ops and readers."""
    must_be(request, "ops", "reader")
    state, watch = _STATE.of(request), request.app.state.sender_watch
    assert isinstance(watch, SenderWatch)
    rows = await watch.rows(request.app.state.store, request.app.state.clock.now(), _A_WEEK)
    found = [asdict(one) for one in edges(rows, CLASSES) if state in (None, one.state)]
    return JSONResponse({"edges": found})


OPERATION: Final = Operation("GET", "/v1/flow", flow, {200: Flow}, ("ops", "reader"), (_STATE,))
