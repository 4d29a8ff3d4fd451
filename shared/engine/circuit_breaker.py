"""The circuit breaker: when handlers fail in numbers, from distinct causes, stop and wait for a person, rather than dead-letter everything.

One aggregate that fails at every event, or failures that one sender or a few with the same software set off, are no
fault of the program's: the engine lays those events aside as dead letters, in order, and everybody else goes on.
"""

from collections import Counter
from typing import Final, NamedTuple

from shared.contracts.envelope import Event

WINDOW: Final = 200
MINIMUM: Final = 20
SHARE: Final = 0.5
OF_ONE_SENDER: Final = 5
"""So many of a sender's failures count: it takes four senders to stop everybody."""

AggregateKey = tuple[str, str]
"""Collection and id of an aggregate."""


class CircuitOpen(Exception):
    """Too many handlers failed; nothing of the batch was kept. A restart of the service closes the circuit breaker."""


class Failure(NamedTuple):
    """A handler that failed: the class of the event, and who began its chain of causation."""

    name: str
    origin: str


class CircuitBreaker:
    """Looks at `handler_failed` alone, over the newest `WINDOW` aggregates that were decided, each by its last outcome.

    Failures in one sender's chains beyond `OF_ONE_SENDER` are left out. The breaker opens when at least `MINIMUM` of
    the rest failed and they are at least half of the rest. It stays open until the process restarts.
    """

    def __init__(self) -> None:
        self.why: str | None = None
        """What opened the breaker, in one line; None while it is closed."""
        self.laid_aside = 0
        """Dead letters with the reason `handler_failed` that Kafka has acknowledged since the start, of reading too."""
        self._last: dict[AggregateKey, Failure | None] = {}

    def saw(self, aggregate: AggregateKey, failure: Failure | None) -> None:
        """Counts one decided event. Raises `CircuitOpen`."""
        # The engine decides a batch again as often as the store refuses it: one aggregate must not count for many.
        self._last.pop(aggregate, None)
        self._last[aggregate] = failure
        if len(self._last) > WINDOW:
            del self._last[next(iter(self._last))]
        if failure:
            self._judge()

    def _judge(self) -> None:
        failures = [failure for failure in self._last.values() if failure]
        by_sender = Counter(failure.origin for failure in failures)
        counted = sum(min(count, OF_ONE_SENDER) for count in by_sender.values())
        left_out = len(failures) - counted
        if counted >= MINIMUM and counted >= SHARE * (len(self._last) - left_out):
            self.why = self._line(failures)
            raise CircuitOpen(self.why)

    def _line(self, failures: list[Failure]) -> str:
        classes = ", ".join(f"{name} {count}" for name, count in Counter(one.name for one in failures).most_common(5))
        return (
            f"the circuit breaker is open: handlers failed at {len(failures)} of the last {len(self._last)} aggregates ({classes}); "
            f"{self.laid_aside} events were dead-lettered as handler_failed before; mend the cause, then restart the service"
        )


def origin_of(event: Event, aggregate: AggregateKey) -> str:
    """The partner whose event began the chain; without a partner, each aggregate counts as a cause of its own."""
    return event.origin or "/".join(aggregate)
