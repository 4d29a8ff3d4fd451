"""Runs one service as a process: its loop, its sweeper, its HTTP, and a clean stop on SIGTERM.

The wiring that all services share stands here; a service hands over its own parts as an `App`.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
import uvloop
from starlette.routing import BaseRoute

from shared import log_events, metrics
from shared.engine.batch import Processor
from shared.engine.loop import Loop
from shared.engine.model import Table
from shared.engine.sweep import Sweeper
from shared.http.counted import Counted
from shared.http.forged import Forgeries
from shared.http.keys import Keyring
from shared.http.operations import Operation
from shared.http.server import application, bind, server
from shared.kafka import uvloop_patch as kafka_on_uvloop
from shared.kafka.log_bound import LogGuard
from shared.kafka.producer import BrokerUnavailable, Publisher
from shared.private import CHILDREN_UMASK, make_private_folder
from shared.process import logs
from shared.process.keeping import Keeping, Retention
from shared.process.migrations import form_of
from shared.process.preconditions import PRECONDITIONS, Preconditions
from shared.process.settings import PlatformSettings, stop_start
from shared.process.start import MIGRATED_WITHIN, WITHIN, connected
from shared.process.waiting import OldestWaiting
from shared.store import Store, StoreAddressError, StoreUnavailable, StoreVersionError
from shared.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from shared.process.spans import Spans

log = structlog.get_logger()

_GC_THRESHOLD: Final = 50_000
_GATHERED_MS: Final = 50
_GATHERED_BYTES: Final = 64 * 1024


Background = Callable[[Mapping[str, Any]], Coroutine[Any, Any, None]]
"""A task that runs from when Kafka and the store have answered; it is handed what the addresses find in `app.state`."""


@dataclass(frozen=True)
class App:
    """A service's own parts."""

    settings: PlatformSettings
    table: Table
    operations: Sequence[Operation]
    state: dict[str, Any] = field(default_factory=dict)
    retentions: Sequence[Retention] = ()
    background: Sequence[Background] = ()
    pages: Sequence[BaseRoute] = ()
    """What is for people alone, and no part of the contract with programs."""

    def __post_init__(self) -> None:
        """Raises `ValueError` where the table does not fit the registry."""
        self.table.check()


def run(app: App) -> None:
    """Runs until SIGTERM or SIGINT. Ends with one line where the service cannot start."""
    os.umask(CHILDREN_UMASK)
    logs.configure(app.table.service, app.settings.log_level)
    _die_with_the_parent()
    # A service makes few cycles; scanning all of its heap every 700 objects costs a seventh of its time.
    gc.set_threshold(_GC_THRESHOLD, 20, 20)
    # The store's threads must not wait 5 ms, the default, to hand each answer to the event loop.
    sys.setswitchinterval(0.0005)
    kafka_on_uvloop.mend()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(app))


async def _run(app: App) -> None:
    settings, table = app.settings, app.table
    asyncio.get_running_loop().set_exception_handler(logs.on_forgotten)
    try:
        listening = bind(settings.host, settings.port)
    except OSError as error:
        stop_start(
            f"{table.service}: port {settings.port} on {settings.host}: {error.strerror}; choose another --port-base"
        )
    cluster = settings.cluster(table.service)
    store = store_of(settings, table.service)
    preconditions = Preconditions(cluster, store, table, keeps_log=not settings.log_bytes)
    publisher = Publisher.to(cluster, table.service)
    clock = settings.platform_clock()
    spans = _spans_to(settings.otlp, table.service) if settings.otlp else None
    forgeries = Forgeries(table.service)
    processor = Processor(
        spans.reading(table) if spans else table,
        store,
        publisher,
        clock,
        recent_outcomes=settings.ring,
        due_early=settings.due_early,
        failing=settings.failing(),
        between=spans.between(settings.between()) if spans else settings.between(),
        audits=forgeries.of_letter,
    )
    options = {
        "session_timeout_ms": settings.kafka_session_timeout_ms,
        "heartbeat_interval_ms": settings.kafka_session_timeout_ms // 6,
        "group_instance_id": settings.instance or None,
        **fetching(table, settings.kafka_fetch_wait_ms),
    }
    loop = Loop(processor, cluster, options, preconditions=preconditions)
    guard = LogGuard(cluster, settings.log_bytes) if settings.log_bytes else None
    keyring = Keyring(settings.keys_file)
    starting = ["the service starts: the database and Kafka have not answered yet"]

    def not_ready() -> list[str]:
        return [*starting, *filter(None, (loop.not_ready(), keyring.fault()))]

    metrics.READY.labels(table.service).set_function(lambda: not not_ready())
    state = {
        "clock": clock,
        "cluster": cluster,
        "store": store,
        "publisher": publisher,
        "keyring": keyring,
        "rates": settings.rates(),
        "forgeries": forgeries,
        "settings": settings,
        "table": table,
        "log_guard": guard,
        "fault": lambda: preconditions.fault,
        **app.state,
    }
    http = server(Counted(application(app.operations, not_ready, state, app.pages), table.service), settings.bounds())
    serving = asyncio.create_task(http.serve(sockets=[listening]))
    background: list[asyncio.Task[None]] = []
    try:
        starts = (
            partial(_open, store, settings, table),
            partial(_stand_on, preconditions),
            publisher.start,
            loop.start,
        )
        within = MIGRATED_WITHIN if settings.migrate else WITHIN
        if await connected(starts, serving, starting, within=within):
            starting.clear()
            sweeper = Sweeper(loop, processor, publisher, clock, cluster, not_ready=preconditions.not_ready)
            background += [asyncio.create_task(sweeper.run()), asyncio.create_task(preconditions.run())]
            background += [asyncio.create_task(one.run()) for one in _keeping(app, store, sweeper, preconditions)]
            background += [asyncio.create_task(one(state)) for one in app.background]
            waiting = OldestWaiting(table, store, clock, settings.due_early)
            background.append(asyncio.create_task(waiting.run()))
            if guard:
                background.append(asyncio.create_task(guard.run()))
            gc.collect()
            gc.freeze()
        await _until_one_ends(serving, background)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await loop.stop()
        await preconditions.close()
        await publisher.stop()
        await store.close()
        if spans:
            await asyncio.to_thread(spans.close)
    failed = [task for task in background if not task.cancelled() and task.exception()]
    for task in failed:
        log.critical(log_events.PART_ENDED, exc_info=task.exception())
    if failed:
        raise SystemExit(1)


def _spans_to(collector: str, service: str) -> "Spans":
    try:  # not at the top: the libraries are an extra
        from shared.process.spans import Spans
    except ModuleNotFoundError as error:
        stop_start(f"{service}: LAHETE_OTLP is set, and {error.name} is not here: pip install 'kulttuurilahete[otel]'")
    return Spans(service, collector)


def fetching(table: Table, wait_ms: int) -> dict[str, int]:
    """The options by which a consumer fetches records: each the moment it comes, or those of some moments together.

    A batch of one costs hardly less than a batch of several: services that nobody waits for took that time from those
    on a referral's road, which share their cores.
    """
    if not table.gathers:
        return {"fetch_max_wait_ms": wait_ms}
    return {"fetch_max_wait_ms": max(wait_ms, _GATHERED_MS), "fetch_min_bytes": _GATHERED_BYTES}


def _keeping(app: App, store: Store, sweeper: Sweeper, preconditions: Preconditions) -> list[Keeping]:
    def until() -> datetime | None:
        return None if preconditions.not_ready() else sweeper.consumed.to

    return [Keeping(app.table.service, store, one, until) for one in app.retentions]


async def _until_one_ends(serving: asyncio.Task[None], background: list[asyncio.Task[None]]) -> None:
    """A service lives while all of its parts do: a part that ends by itself ends it, and the supervisor restarts it."""
    await asyncio.wait([serving, *background], return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def open_store(settings: PlatformSettings, table: Table) -> Store:
    """A service's store, with its indexes. Ends the process with one line where it is refused or does not answer."""
    store = store_of(settings, table.service)
    try:
        await _open(store, settings, table)
    except StoreUnavailable as error:
        stop_start(f"{table.service}: {error}")
    return store


async def _open(store: Store, settings: PlatformSettings, table: Table) -> None:
    """Raises `StoreUnavailable` where waiting may help. Ends the start with one line where it does not."""
    try:
        form = form_of(table, settings.platform_clock().now(), may_migrate=settings.migrate)
        await store.open([*table.collections, PRECONDITIONS], table.journals, form)
    except (StoreAddressError, StoreVersionError) as error:
        stop_start(f"{table.service}: {error}")
    except StoreUnavailable as error:
        # A file on this machine does not come back by itself as a server does.
        if not settings.mongodb:
            stop_start(f"{table.service}: {error}")
        raise


def store_of(settings: PlatformSettings, service: str) -> Store:
    """A service's store, not opened yet."""
    return _mongo(settings, service) if settings.mongodb else _sqlite(settings, service)


def _mongo(settings: PlatformSettings, service: str) -> Store:
    # Not at the top: with SQLite no process loads a driver.
    from shared.store.mongo import MongoStore

    return MongoStore(
        settings.mongodb,
        settings.mongodb_database.format(service=service),
        user=settings.mongodb_user.format(service=service),
        password=settings.mongodb_password(service),
        driver=settings.mongodb_driver,
    )


def _sqlite(settings: PlatformSettings, service: str) -> Store:
    make_private_folder(settings.state)
    return SqliteStore(settings.state / f"{service}.sqlite")


async def _stand_on(preconditions: Preconditions) -> None:
    """Raises `BrokerUnavailable` until Kafka is the right one, with the needed topics."""
    await preconditions.look()
    if line := preconditions.not_ready():
        raise BrokerUnavailable(line)


def _die_with_the_parent() -> None:
    """Ends the process when the supervisor that started it is gone, however that ended: nothing is left running."""
    supervisor = os.environ.get("LAHETE_SUPERVISED")
    if not supervisor:
        return
    # The supervisor's own process id: the supervisor may be gone before this line, and another process be the parent.
    parent = int(supervisor)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(3)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
