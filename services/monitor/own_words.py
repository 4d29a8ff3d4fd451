"""What others say to the monitor, as its own events: judged like what anybody sends, personal identity codes too."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from shared.contracts.envelope import Event, Raw, decode, written
from shared.contracts.errors import EventError
from shared.contracts.registry import CLASSES
from shared.http.intake import write
from shared.http.problems import problem_of

OWN: Final = "/service/monitor"


def own_event(request: Request, name: str, id_: str, data: Mapping[str, Any]) -> Event:
    """The event of this class with this data. Raises 422 where the contract does not allow it."""
    now = request.app.state.clock.now()
    attributes = {
        "specversion": "1.0",
        "id": id_,
        "source": OWN,
        "type": CLASSES[name].type,
        "time": written(now),
    }
    try:
        return decode(Raw(attributes, msgspec.json.encode(data)), now=now)
    except EventError as error:
        raise problem_of(error) from error


async def say(request: Request, name: str, id_: str, data: Mapping[str, Any]) -> None:
    """Writes the event to Kafka. Raises 422, 503."""
    await write(request.app.state.publisher, [own_event(request, name, id_, data)])
