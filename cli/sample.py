"""`lahete run --sample`: publishes the sample over HTTP once all is ready, with the keys of its opistos."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from cli import terminal
from cli.ask import client, running
from cli.emit import DOOR
from cli.emitting import Refused, Sender
from deploy.local import sample
from deploy.local.keys import make_keys, read_keys

_LISTED_WITHIN: Final = 30.0
_LOOK_EVERY: Final = 0.1


def publish(path: Path) -> None:
    """Publishes the sample to the run in the folder, and waits for its catalogue. Raises `VerbError`, `FolderError`."""
    folder, run = running(path)
    make_keys(folder, sample.organisers())
    events = sample.events(run.platform_clock().now())
    with client(run.urls[DOOR], None) as door:
        result = Sender(door, read_keys(folder).get, _complain).send([json.dumps(event).encode() for event in events])
    # A referral that comes while half of it is there would be matched with that half, once and for all.
    with client(run.urls["catalogue"], None) as catalogue:
        if not result.refused and not _are_listed(catalogue, events):
            terminal.complain("sample: the catalogue has not taken all activities yet; it goes on")
    terminal.line(f"sample: {result.accepted} activities of {len(sample.organisers())} opistos are published")


def _are_listed(catalogue: httpx.Client, events: Sequence[dict[str, Any]]) -> bool:
    deadline = time.monotonic() + _LISTED_WITHIN
    awaited = [f"/v1/activities{event['source']}/{event['subject']}" for event in events]
    while awaited and time.monotonic() < deadline:
        if _is_there(catalogue, awaited[-1]):
            awaited.pop()
        else:
            time.sleep(_LOOK_EVERY)
    return not awaited


def _is_there(catalogue: httpx.Client, address: str) -> bool:
    try:
        return catalogue.get(address).is_success
    except httpx.TransportError:
        return False


def _complain(refused: Refused) -> None:
    terminal.complain(f"sample: activity {refused.line} was refused: {refused.reason}")
