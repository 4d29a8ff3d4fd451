"""The services, every topic's name, and who reads which, in one place: ports, lag, logins and access lists follow.

docs/architecture.md, “Topics”, has them in a table: who writes where, under which key.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, get_args

from shared.contracts.partner_kinds import PARTNER_KINDS

ServiceName = Literal["referral", "catalogue", "feedback", "notify", "partners", "monitor"]
SERVICES: Final[tuple[str, ...]] = get_args(ServiceName)
DOORS: Final = ("referral", "catalogue", "feedback", "partners")  # where partners send events over HTTP

INTAKE_HTTP: Final = "intake.http"  # our own doors; the door has proven the sender
DEAD_LETTERS: Final = "dead-letters"  # every engine writes, the monitor reads
AUDIT: Final = "audit.events"  # who looked, revealed, redrove, changed a key

LOG_KEPT_DAYS: Final = 30  # at most, of all confidential topics; `audit.events`, who looked, has a term of its own
PARTITIONS: Final = 8  # of a topic that many write; 1 of a sender's own topic, since each fetch names all partitions

_OWN = re.compile(rf"intake\.({'|'.join(PARTNER_KINDS)})\.([a-z0-9.-]{{1,60}})")


def events_of(service: str) -> str:
    """The topic of the service's decisions."""
    return f"{service}.events"


def redrive_to(service: str) -> str:
    """The topic of dead letters sent again to the service that refused them; only the monitor writes there."""
    return f"redrive.{service}"


def intake_of(source: str) -> str:
    """The topic that a sender, `/region/06`, writes to itself."""
    return "intake" + source.replace("/", ".", 2)


def sender_of(topic: str) -> str | None:
    """The one sender that a topic proves, or None where the topic proves none."""
    if own := _OWN.fullmatch(topic):
        return f"/{own[1]}/{own[2]}"
    service, _, rest = topic.partition(".")
    return f"/service/{service}" if rest == "events" and service in SERVICES else None


def is_senders_own(topic: str) -> bool:
    """Whether a sender writes there itself, without a door of ours between."""
    return _OWN.fullmatch(topic) is not None


_INTAKE: Final = (INTAKE_HTTP, *(f"intake.{kind}.*" for kind in PARTNER_KINDS))
_EVENTS: Final = tuple(map(events_of, SERVICES))
READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    # No event of the monitor concerns a referral, but this service dead-letters the records that nobody can read.
    "referral": (*_INTAKE, *_EVENTS, AUDIT, redrive_to("referral")),
    "catalogue": (*_INTAKE, events_of("referral"), events_of("catalogue"), redrive_to("catalogue")),
    "feedback": (*_INTAKE, *map(events_of, ("referral", "catalogue", "feedback")), redrive_to("feedback")),
    "notify": (*_INTAKE, *_EVENTS, redrive_to("notify")),
    "partners": (*_INTAKE, *map(events_of, ("referral", "catalogue", "partners")), redrive_to("partners")),
    # All topics except those to which the monitor writes redriven dead letters.
    "monitor": (*_INTAKE, *_EVENTS, AUDIT, DEAD_LETTERS),
}
"""The topics that each service reads: names, and patterns for senders' own topics."""


def platform_topics() -> dict[str, int]:
    """The topics that are there from the start, and their partitions. Senders' own topics come as they are granted."""
    return {
        INTAKE_HTTP: PARTITIONS,
        **{events_of(service): PARTITIONS for service in SERVICES},
        **{redrive_to(service): 1 for service in SERVICES},
        AUDIT: 1,
        DEAD_LETTERS: 1,
    }
