"""What others say to a service, as the service's own events: judged like what anybody sends, personal identity codes too."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from shared.contracts.envelope import Event, Raw, decode, written
from shared.contracts.errors import EventError
from shared.contracts.registry import CLASSES
from shared.http.problems import problem_of


def said_to_us(request: Request, source: str, name: str, id_: str, data: Mapping[str, Any]) -> Event:
    """The event of this class with this data, of the service whose `source` this is. Raises 422 where the contract does
    not allow it."""
    now = request.app.state.clock.now()
    attributes = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": CLASSES[name].type,
        "time": written(now),
    }
    try:
        return decode(Raw(attributes, msgspec.json.encode(data)), now=now)
    except EventError as error:
        raise problem_of(error) from error
