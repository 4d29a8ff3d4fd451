"""A group of consumers at one store, of whom each stands before its every step until it is let: for a model check.

The engine is the real one, on a real store; what is played here is what surrounds it: partitions and who holds them, what
is committed, and answers that do not come. Nobody fences a zombie: its late commit lands, and puts the group back.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

from aiokafka import ConsumerRecord

from shared.contracts import topics
from shared.engine.batch import Processor
from shared.kafka.producer import BrokerUnavailable, Publisher, Record
from shared.store import Store, StoreUnavailable
from shared.store.sqlite import SqliteStore, _Connection
from tests.integration.engine_world import DUE_EARLY, EngineWorld, KeepingPublisher, watched

T = TypeVar("T")
How = Literal["done", "unanswered", "refused"]
"""The result of a step: done; done, and the answer is lost; not done."""

PARTITIONS: Final = (topics.INTAKE_HTTP, "intake.region.06", topics.redrive_to("referral"))


def opened(folder: Path, recent_outcomes: int) -> EngineWorld:
    """A world on SQLite, used on this thread at once: each step is let anyway, and the hop to another costs more than all."""
    world = asyncio.run(EngineWorld(folder, recent_outcomes).__aenter__())
    for connection in _connections(world):
        connection.run = partial(_at_once, connection)  # type: ignore[method-assign]
    return world


def closed(world: EngineWorld) -> None:
    """Ends it."""
    for connection in _connections(world):
        del connection.run
    asyncio.run(world.__aexit__(None, None, None))


def _connections(world: EngineWorld) -> tuple[_Connection, _Connection]:
    store = watched(world.main)._store
    assert isinstance(store, SqliteStore)
    return store._reader, store._writer


async def _at_once(connection: _Connection, work: Callable[..., T], *args: Any, **options: Any) -> T:
    return connection._work(work, *args, **options)


def now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nobody."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


class _Stand:
    """The gate at which an actor waits for its turn."""

    def __init__(self, step: str) -> None:
        self._step = step

    def __await__(self) -> Generator[str, How, How]:
        return (yield self._step)


class Actor(ABC):
    """An actor at work on the data. Between two calls it stands before a step, or has no work in hand."""

    def __init__(self, world: EngineWorld) -> None:
        self.world = world
        self.before: str | None = None
        self._work: Coroutine[str, How | None, None] | None = None
        store = cast("Store", _StepwiseStore(self, world.main.store))
        self.processor = Processor(
            world.table,
            store,
            _StepwiseWire(self, world.wire),
            world.clock,
            recent_outcomes=world.recent_outcomes,
            due_early=DUE_EARLY,
        )

    @abstractmethod
    def take_up(self, count: int = 1) -> bool:
        """Begins new work; False where there is none."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Takes work up, as far as its first step."""
        assert self.before is None
        self._work = work
        self._go_on(None)

    def let(self, how: How = "done") -> None:
        """Lets the actor take the step before which it stands, as far as the next."""
        assert self.before
        self._go_on(how)

    def finish(self) -> None:
        """Lets the actor finish its work in hand."""
        while self.before:
            self.let()

    def die(self) -> None:
        """Drops the actor's work in hand."""
        if self._work:
            self._work.close()
        self.before = self._work = None

    async def through(self, step: str, action: Callable[[], Awaitable[T]], error: Exception) -> T:
        """Takes one step when it is let. Raises `error` where no answer is to come."""
        how = await _Stand(step)
        if how == "refused":
            raise error
        result = await action()
        if how == "unanswered":
            raise error
        return result

    def _go_on(self, how: How | None) -> None:
        assert self._work
        try:
            self.before = self._work.send(how)
        except StopIteration:
            self.before = self._work = None


class _StepwiseStore:
    """A store each of whose methods is a step."""

    def __init__(self, actor: Actor, store: Store) -> None:
        self._actor, self._store = actor, store

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **options: Any) -> Any:
            method = getattr(self._store, name)
            return await self._actor.through(name, lambda: method(*args, **options), StoreUnavailable("no answer"))

        return call


class _StepwiseWire(Publisher):
    """A wire on which a publication is two steps, so that a part of it may be out."""

    def __init__(self, actor: Actor, wire: KeepingPublisher) -> None:
        self._actor, self._wire = actor, wire

    async def publish(self, records: Iterable[Record], *, within: float = 30.0) -> None:
        whole = list(records)
        for part in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            if part:
                await self._actor.through("publish", partial(self._wire.publish, part), BrokerUnavailable("no answer"))


class Group:
    """The holders of the partitions, how far each is read and how far committed."""

    def __init__(self, world: EngineWorld) -> None:
        self.world = world
        self.committed: defaultdict[str, int] = defaultdict(int)
        self._read: defaultdict[str, int] = defaultdict(int)
        self._holder: dict[str, Consumer] = {}

    def assign(self, partition: str, consumer: "Consumer") -> None:
        """Hands a partition over: it is read on from the committed offset, and its former holder hears nothing."""
        self._holder[partition] = consumer
        self._read[partition] = self.committed[partition]

    def let_go(self, consumer: "Consumer", successor: "Consumer") -> None:
        """Hands all partitions of one consumer to another."""
        for partition in PARTITIONS:
            if self._holder.get(partition) is consumer:
                self.assign(partition, successor)

    def read(self, consumer: "Consumer", count: int) -> list[ConsumerRecord[bytes, bytes]]:
        """Up to so many records of each partition that the consumer holds."""
        batch = []
        for partition in PARTITIONS:
            if self._holder.get(partition) is consumer:
                start = self._read[partition]
                there = [one for one in self.world.log.records if one.topic == partition]
                batch += there[start : start + count]
                self._read[partition] = min(start + count, len(there))
        return batch

    def commit(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        """Takes named offsets, from any consumer."""
        self.committed.update({record.topic: record.offset + 1 for record in records})

    def come_again(self, consumer: "Consumer", records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        """Reads again from there, unless another consumer reads already."""
        for record in reversed(records):
            if self._holder.get(record.topic) is consumer:
                self._read[record.topic] = min(self._read[record.topic], record.offset)


class Consumer(Actor):
    """Takes batches as the loop does: process, commit, clear; or goes back."""

    def __init__(self, group: Group) -> None:
        super().__init__(group.world)
        self._group = group

    def take_up(self, count: int = 1) -> bool:
        """Reads so many records of each partition it holds; False where there are none."""
        records = self._group.read(self, count)
        if records:
            self.begin(self._take(records))
        return bool(records)

    async def _take(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        try:
            batch = await self.processor.process(self.processor.receive(records))
            await self.through("commit", lambda: self._commit(records), BrokerUnavailable("no answer"))
        except (StoreUnavailable, BrokerUnavailable):
            self._group.come_again(self, records)
            return
        with suppress(StoreUnavailable):
            await self.processor.clear(batch)

    async def _commit(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        self._group.commit(records)


class Sweep(Actor):
    """Passes over all outboxes, at any moment."""

    def take_up(self, count: int = 1) -> bool:
        """Begins a passage."""
        self.begin(self._pass_over())
        return True

    async def _pass_over(self) -> None:
        with suppress(StoreUnavailable, BrokerUnavailable):
            await self.processor.sweep(time.time() + 1)
