"""What others say to the monitor, as its own events."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from shared.contracts.envelope import Event
from shared.http.intake import write
from shared.http.own_words import said_to_us

OWN: Final = "/service/monitor"


def own_event(request: Request, name: str, id_: str, data: Mapping[str, Any]) -> Event:
    """The event of this class with this data. Raises 422 where the contract does not allow it."""
    return said_to_us(request, OWN, name, id_, data)


async def say(request: Request, name: str, id_: str, data: Mapping[str, Any]) -> None:
    """Writes the event to Kafka. Raises 422, 503."""
    await write(request.app.state.publisher, [own_event(request, name, id_, data)])
