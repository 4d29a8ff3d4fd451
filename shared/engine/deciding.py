"""The step Decide of docs/protocol.md: one event after the other at one aggregate, with the early events there.

An exception of a handler becomes a dead letter; only an outage and an open circuit breaker go through.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from shared import log_events
from shared.clock import Clock
from shared.contracts.errors import EventError
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.instants import later
from shared.engine.circuit_breaker import CircuitBreaker, CircuitOpen, Failure, origin_of
from shared.engine.model import Decision, Early, Rejected, Table, Waits
from shared.engine.receive import HANDLER_FAILED, RoutedEvent, read_again, route
from shared.engine.unit_of_work import APPLIED_BEFORE, CONFLICT, REPETITION, Known, UnitOfWork
from shared.store import Store, StoreUnavailable

Decided = Decision[Any] | Waits | Rejected
WAITING: Final = "waiting"

log = structlog.get_logger()


class HandlerFault(Exception):
    """Stands for a bug in a handler; a test switches it on in the settings."""


class Deciding:
    """Decides events for one service, each on the unit of work of its aggregate."""

    def __init__(
        self,
        table: Table,
        store: Store,
        clock: Clock,
        breaker: CircuitBreaker,
        *,
        due_early: timedelta,
        failing: frozenset[str],
    ) -> None:
        self._breaker = breaker
        self._table = table
        self._store = store
        self._clock = clock
        self._due_early = due_early
        self._failing = failing

    async def take(self, unit: UnitOfWork, routed: RoutedEvent, inbox: Known, doomed: str | None) -> None:
        """Decides one event, and those that waited for it. `doomed`: why the document cannot be saved with this event.

        Raises `StoreUnavailable`, `CircuitOpen`.
        """
        now = self._clock.now()
        known = unit.known_as(routed, inbox)
        if known is None:
            outcome = await self._outcome(unit, routed, now, doomed)
            if outcome == "applied" and unit.document.early:
                await self._take_early(unit, now)
            unit.outcomes.append((routed.event.figure, outcome))
        elif known == CONFLICT:
            _conflict(unit, routed)
        else:
            unit.outcomes.append((routed.event.figure, REPETITION))
            if routed.attempt and known == APPLIED_BEFORE:
                unit.applied(routed, now)  # an earlier attempt was: the redriven letter is resolved all the same
            elif routed.attempt:
                unit.redrive_early(routed)

    async def _outcome(self, unit: UnitOfWork, routed: RoutedEvent, now: datetime, doomed: str | None = None) -> str:
        if unit.document.erased:
            return self._met_erasure(unit, routed, now)
        try:
            decided = await self._decided(unit, routed, now, doomed)
        except (StoreUnavailable, CircuitOpen):
            raise
        except Exception as error:  # noqa: BLE001 - a handler that raises would raise again: a dead letter
            return self._failed(unit, routed, error, now)
        if isinstance(decided, Waits):
            return WAITING
        self._breaker.saw(routed.at, None)
        if isinstance(decided, Rejected):
            return unit.refuse(routed, "rejected", decided.why, now)
        unit.applied(routed, now)
        return "applied"

    async def _decided(self, unit: UnitOfWork, routed: RoutedEvent, now: datetime, doomed: str | None) -> Decided:
        """Decides the event and takes the changes over, or keeps the event until its turn comes."""
        if doomed:
            raise ValueError(doomed)
        decided = await self._judge(unit, routed, now)
        if isinstance(decided, Waits):
            decided = unit.keep_early(routed, decided, later(now, self._due_early)) or decided
        if changes := decided if isinstance(decided, Decision) else decided.meanwhile:
            unit.apply(changes, routed.event, now)
        return decided

    async def _judge(self, unit: UnitOfWork, routed: RoutedEvent, now: datetime) -> Decided:
        event, handler = routed.event, routed.handler
        if event.name in self._failing:
            raise HandlerFault(f"LAHETE_FAULT_FAIL_ON holds {event.name}")
        # A service also reads other services' deadlines, where a partner's silence concerns it.
        if isinstance(data := event.data, DeadlinePassed) and (data.what, data.service) == (
            "early",
            self._table.service,
        ):
            return self._let_early_leave(unit, data, now)
        context = self._table.context
        if handler.look_up:
            context = await handler.look_up(unit.document.state, event, self._store, now)
        return handler.decide(unit.document.state, event, now, context)

    def _met_erasure(self, unit: UnitOfWork, routed: RoutedEvent, now: datetime) -> str:
        event = routed.event
        if why := unit.kind.meets_erasure(unit.document.state, event.source, event.name):
            return unit.refuse(routed, "rejected", why, now)
        unit.applied(routed, now)
        return "erased"

    def _failed(self, unit: UnitOfWork, routed: RoutedEvent, error: Exception, now: datetime) -> str:
        event = routed.event
        referral = getattr(event.data, "referral_id", None) or event.correlation
        log.error(log_events.HANDLER_FAILED, type=event.name, event_id=event.id, referral_id=referral, exc_info=error)
        self._breaker.saw(routed.at, Failure(event.name, origin_of(event, routed.at)))
        return unit.refuse(routed, HANDLER_FAILED, f"{type(error).__name__}: {error}", now)

    # --- early events

    async def _take_early(self, unit: UnitOfWork, now: datetime) -> None:
        """Applies the early events whose turn has come, in order of time, round by round until no more has its turn.

        In rounds, so that the engine does not decide all that many strangers let wait again after each one.
        """
        progress = True
        while progress and not unit.document.erased:
            progress = False
            for early in sorted(unit.document.early, key=lambda one: (one.time, one.id, one.source)):
                if await self._turn_of(unit, early, now):
                    progress = True
                if unit.document.erased:
                    break

    async def _turn_of(self, unit: UnitOfWork, early: Early, now: datetime) -> bool:
        """Whether the event waits no more."""
        try:
            event = read_again(early.original, self._table, now)
        except EventError as error:
            unit.drop_early(early)
            unit.put_out_letter(unit.letter(early, error.reason, str(error)), now)
            return True
        way = route(event, self._table)
        if way is None:
            return False
        routed = RoutedEvent(
            event, *way, early.original, early.attempt, owned=True, service=unit.service, redriven=early.dl_id
        )
        waiting = unit.document.early
        unit.drop_early(early)
        if await self._outcome(unit, routed, now) == WAITING:
            unit.document.early = waiting
            return False
        return True

    def _let_early_leave(self, unit: UnitOfWork, data: DeadlinePassed, now: datetime) -> Decision[Any]:
        for early in [one for one in unit.document.early if one.leaves_at <= data.due_at]:
            unit.expire(early, now)
        return Decision(unit.document.state)


def _conflict(unit: UnitOfWork, routed: RoutedEvent) -> None:
    """The owner of the class alone counts a conflict and dead-letters it."""
    if not routed.owned:
        unit.outcomes.append(("", "skipped"))
        return
    why = f"{routed.source} sent the id {routed.id} before with another content; send the new content under a new id"
    unit.outcomes.append((routed.event.figure, CONFLICT))
    unit.conflicts.append(unit.letter(routed, CONFLICT, why))
