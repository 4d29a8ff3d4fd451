"""`audit.events` keeps who sent in another's name, like who looked; a metric counts all of it.

One event a minute for each sender, so that a flood of forged events buries nothing else there, and costs Kafka nothing.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.dead_letter import DeadLetter, one_line
from shared.contracts.errors import Forged
from shared.contracts.every_service_events import AccessRecorded
from shared.engine.model import OutEvent
from shared.engine.outbox import own_event

EVERY: Final = 60.0
_MOST: Final = 10_000
_LONGEST: Final = 200


class Forgeries:
    """The forged events that one service met."""

    def __init__(self, service: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}
        """By sender: when its last one was written, and its id."""

    def of_letter(self, letter: DeadLetter) -> list[OutEvent]:
        """The audit event of a dead letter: about the sender that its topic proves, or the topic where it proves none."""
        if letter.reason != Forged.reason:
            return []
        topic = letter.original.topic
        return self.of(topics.sender_of(topic) or topic, letter.error, letter.dl_id)

    def of(self, who: str, what: str, which: str) -> list[OutEvent]:
        """The event to write, none within a minute of another. `what`: the error of the forged one, `which`: its id."""
        now = self._clock()
        at, kept = self._kept.get(who, (-EVERY, ""))
        if now - at < EVERY and which != kept:  # the same one comes again until Kafka has acknowledged it
            return []
        if len(self._kept) >= _MOST:
            self._kept = {one: known for one, known in self._kept.items() if now - known[0] < EVERY}
        self._kept[who] = (now, which)
        data = AccessRecorded(
            who=who, action="forged_sender", what=one_line(what)[:_LONGEST], ground="none", allowed=False
        )
        event = own_event(self._service, data, real_now(), "forged", which)
        return [msgspec.structs.replace(event, topic=topics.AUDIT)]
