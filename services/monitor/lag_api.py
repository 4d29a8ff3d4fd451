"""How far each service is behind, and how it keeps up."""

from typing import Annotated, Final, TypedDict

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.lag_sampler import LagSampler
from services.monitor.lag_states import LagState
from services.monitor.responses import Partition, Topic
from shared.contracts.topics import SERVICES
from shared.http.keys import must_be
from shared.http.operations import Operation
from shared.kafka.lag import Lag, lags

_MAY_ASK: Final = ("ops", "reader")
Reader = Annotated[
    str, Meta(description="The service that reads.", examples=["referral"], extra_json_schema={"enum": list(SERVICES)})
]
State = Annotated[
    LagState,
    Meta(
        description="How it has kept up in the last ten samples, one each five seconds: `ok`; `warn`, it advances and the "
        "lag never falls; `stall`, it lives and does not advance; `stop`, it does not answer and does not advance; "
        "`rewind`, it went back; `unknown`, not yet known.",
        examples=["ok"],
    ),
]


class LagNow(TypedDict):
    """How far a service is behind on one partition."""

    service: Reader
    topic: Topic
    partition: Partition
    lag: Annotated[int, Meta(ge=0, description="How many events are still to be read.", examples=[0])]
    seconds: Annotated[
        float, Meta(ge=0, description="Real seconds that the oldest of them has waited.", examples=[0.0])
    ]
    state: State


class KeepsUp(TypedDict):
    """How a service keeps up."""

    service: Reader
    state: Annotated[LagState, Meta(description="The worst state of its partitions.", examples=["ok"])]


class Lags(TypedDict):
    """How far each service is behind."""

    groups: Annotated[list[LagNow], Meta(description="One for each service and partition.")]
    services: Annotated[list[KeepsUp], Meta(description="One for each service.")]


async def lag(request: Request) -> Response:
    """How far each service is behind, in events and seconds, and how it keeps up; for ops and readers."""
    must_be(request, *_MAY_ASK)
    found, sampler = await lags(request.app.state.cluster), request.app.state.lag_sampler
    said, states = sampler.services(), dict.fromkeys(one.service for one in found)
    services = [{"service": service, "state": said.get(service, "unknown")} for service in states]
    return JSONResponse({"groups": [_shown(one, sampler) for one in found], "services": services})


def _shown(one: Lag, sampler: LagSampler) -> LagNow:
    return {
        "service": one.service,
        "topic": one.topic,
        "partition": one.partition,
        "lag": one.lag,
        "seconds": one.seconds,
        "state": sampler.state_at(one.service, one.topic, one.partition),
    }


OPERATION: Final = Operation("GET", "/v1/lag", lag, {200: Lags}, _MAY_ASK)
