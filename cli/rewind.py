"""`lahete rewind`."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from aiokafka.errors import KafkaError

from cli import terminal
from cli.failure import VerbError
from shared.contracts.topics import SERVICES
from shared.kafka.lag import READS
from shared.kafka.reach import diagnose
from shared.kafka.rewind import StillReadingError, rewind
from shared.process.settings import PlatformSettings, read

_FORGOTTEN_WITHIN: Final = 5.0


def rewind_(
    to: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ"], help="In UTC, such as 2026-11-28T02:00:00Z: before the backup began."
        ),
    ],
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help="All five where none is named.")
    ] = None,
) -> None:
    """Let services read again what came since a time: for stores that were restored. What they know they recognise.

    For the Kafka of the environment, with each service's own login, while it does not run. Never forwards.
    """
    settings = read(PlatformSettings)
    within = settings.kafka_session_timeout_ms / 1_000 + _FORGOTTEN_WITHIN
    # It says once for each attempt what is said here in a line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for service in services or SERVICES:
        if service not in SERVICES:
            raise typer.BadParameter(f"{service!r} is no service: {', '.join(SERVICES)}")
        kafka = settings.cluster(service)
        try:
            count = asyncio.run(rewind(kafka, service, READS[service], to.replace(tzinfo=UTC), within))
        except StillReadingError as error:
            raise VerbError(str(error)) from error
        except (KafkaError, OSError) as error:
            raise VerbError(asyncio.run(diagnose(kafka, error))) from error
        terminal.line(f"{service}: {count} records to read again")
