"""`lahete run --sample`: publishes the sample over HTTP once all is ready, with the keys of its opistos."""

import json
from pathlib import Path

from cli import terminal
from cli.ask import client, running
from cli.emit import DOOR
from cli.emitting import Refused, Sender
from deploy.local import sample
from deploy.local.keys import make_keys, read_keys


def publish(path: Path) -> None:
    """Publishes the sample to the run in the folder. Raises `VerbError`, `FolderError`."""
    folder, run = running(path)
    make_keys(folder, sample.organisers())
    lines = [json.dumps(event).encode() for event in sample.events(run.platform_clock().now())]
    with client(run.urls[DOOR], None) as door:
        result = Sender(door, read_keys(folder).get, _complain).send(lines)
    terminal.line(f"sample: {result.accepted} activities of {len(sample.organisers())} opistos are published")


def _complain(refused: Refused) -> None:
    terminal.complain(f"sample: activity {refused.line} was refused: {refused.reason}")
