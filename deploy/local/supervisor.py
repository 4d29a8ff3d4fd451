"""The supervisor of the platform on one machine, behind `lahete run` and `lahete stop`.

Starts the backends and the services, keeps the services running, and ends all in order: closes the doors, lets the
services deal with the log, ends services, then backends. If it is killed itself, its processes notice and end. The
embedded broker's log is in memory, so it cannot restart: the events on it are lost, and the supervisor says so.
"""

import asyncio
import json
import math
import os
import time
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from deploy.backends import Backend, Backends, GoesOn, Say, backends
from deploy.local import upgrade
from deploy.local.awaiting import until_ready
from deploy.local.drain import Left, until_drained
from deploy.local.key_changes import tell_changes
from deploy.local.keys import check_nothing_is_plain, holders, make_keys, make_monitors_key
from deploy.local.processes import (
    HOST,
    LONGEST_PAUSE,
    PORT_OFFSETS,
    Patience,
    ServiceProcess,
    check_ports,
    free_port,
)
from deploy.local.state import (
    Folder,
    Run,
    StartError,
    anchored_clock,
    claim,
    open_folder,
    write_run,
    writing,
)
from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.kafka.lag import READS
from shared.kafka.producer import BrokerUnavailable
from shared.private import tighten, write_private

READY_WITHIN: Final = 60.0
DRAINED_WITHIN: Final = 30.0
ENDED_WITHIN: Final = 15.0
_LOOK_EVERY: Final = 0.1

MakeEngines = Callable[[Backend, Folder, Say, GoesOn], Backends]


class Supervisor:
    """One run in one folder.

    A context manager: inside the block everything is ready, and however the block ends, nothing is left running; `stop`
    before its end makes the end an orderly one. Uses no signal, so it may live in a thread.

    Args:
        path: the folder.
        port_base: the monitor's port; the other services' follow.
        clock: `<start>*<speed>`, or empty.
        extra: environment of the services beside this process's own.
        own: by an instance's name, settings over all others; asked once, read at each start.
        engine: the kind of backends.
        make_backends: makes them.
        instances: how many of a service, where more than one; the others listen on free ports.
        ready_within: seconds that the services have for their start.
        longest_pause: seconds until the restart of a service that keeps dying, at the most.
        say: takes one line for a person.
        given_up: called while starting; True ends the start.
        opistos: the opistos that get a key in demo and test, beside every region.
    """

    def __init__(
        self,
        path: Path,
        port_base: int = 8100,
        clock: str = "",
        extra: Mapping[str, str] | None = None,
        *,
        own: Callable[[str], MutableMapping[str, str]] = lambda _: {},
        engine: Backend = Backend.EMBEDDED,
        make_backends: MakeEngines = backends,
        services: Sequence[str] = topics.SERVICES,
        instances: Mapping[str, int] | None = None,
        ready_within: float = READY_WITHIN,
        longest_pause: float = LONGEST_PAUSE,
        say: Callable[[str], None] = print,
        given_up: Callable[[], bool] = lambda: False,
        opistos: Sequence[str] = (),
    ) -> None:
        self._path = path
        self._ports = {service: port_base + PORT_OFFSETS[service] for service in services}
        self._own = own
        self._engine = engine
        self._make_backends = make_backends
        self._instances = dict(instances or {})
        self._clock_setting = clock
        self._extra = dict(extra or {})
        self._ready_within = ready_within
        self._longest_pause = longest_pause
        self._say = say
        self._given_up = given_up
        self._opistos = opistos
        self._services: dict[str, ServiceProcess] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Starts all and waits until all are ready. Raises `EmbeddedError` and what `Backends` raise."""
        with ExitStack() as stack:
            self.folder = open_folder(self._path)
            stack.enter_context(claim(self.folder))
            stack.callback(self._forget_the_run)
            self._forget_the_run()
            with writing(self.folder):
                tighten(self.folder.path)
            check_ports(self._ports)
            self._brings_forward = upgrade.begin(self.folder, self._say)
            self._backends = self._make_backends(self._engine, self.folder, self._say, self._check_given_up)
            self._make_keys()
            self.clock = anchored_clock(self.folder, self._clock_setting)
            stack.enter_context(self._backends)
            stack.callback(self._kill_services)
            self._start_services()
            upgrade.end(self.folder)
            self._write_run()
            self._tell_key_changes()
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    # --- starting

    def _forget_the_run(self) -> None:
        for file in (self.folder.run, self.folder.closed):
            file.unlink(missing_ok=True)

    def _make_keys(self) -> None:
        if (env := self._given().get("LAHETE_ENV") or "production") == "production":
            check_nothing_is_plain(self.folder)
            if not any(holder.startswith("ops:") for holder in holders(self.folder)):
                self._say(f"nobody of ops has a key: `lahete key add ops:<name> --dir {self._path}` makes one")
        else:
            make_keys(self.folder, self._opistos)
            self._say(f"{env}: {self.folder.keys} holds a key for every sender, in plain text")
        make_monitors_key(self.folder)

    def _given(self) -> Mapping[str, str]:
        """The services' environment before the run's own settings."""
        return {**self._backends.tuning, **os.environ, **self._extra}

    def _start_services(self) -> None:
        for service, name, port in self._all_instances():
            environment = self._environment(service, name, port)
            self._services[name] = ServiceProcess(
                name, service, port, environment, self.folder.log(name), self._say, Patience(self._longest_pause)
            )
        # The first instance of a service makes what its store lacks. MongoDB lets several do so at once; its stand-in
        # ends one of them, or has an index less.
        for first in (True, False):
            some = {name: one for name, one in self._services.items() if (name in self._ports) is first}
            for process in some.values():
                with writing(self.folder):
                    process.start()
            # A migration takes as long as its documents are many.
            within = math.inf if self._brings_forward else self._ready_within
            until_ready(some, self._say, self._check_start, within)

    def _all_instances(self) -> Iterator[tuple[str, str, int]]:
        """Service, name and port of each process; the first of a service has its name."""
        for service, port in self._ports.items():
            yield service, service, port
            for number in range(2, self._instances.get(service, 1) + 1):
                yield service, f"{service}-{number}", free_port()

    def _environment(self, service: str, name: str, port: int) -> Mapping[str, str]:
        settings = {
            **self._backends.environment,
            # Kafka keeps an instance's partitions for it while it restarts; librdkafka's broker knows no such members.
            "LAHETE_INSTANCE": name if self._engine is Backend.JAVA else "",
            "LAHETE_STATE": str(self.folder.path),
            "LAHETE_KEYS_FILE": str(self.folder.hashes),
            "LAHETE_HOST": HOST,
            "LAHETE_PORT": str(port),
            "LAHETE_CLOCK": self._clock_setting,
            "LAHETE_CLOCK_ANCHOR": repr(self.clock["anchor"]),
            "LAHETE_SUPERVISED": str(os.getpid()),
        }
        if self._brings_forward and self._backends.keeps_in_the_folder:
            settings["LAHETE_MIGRATE"] = "true"
        if service == "monitor":
            urls = {service: f"http://{HOST}:{port}" for service, port in self._ports.items()}
            settings["LAHETE_SERVICE_URLS"] = json.dumps(urls)
            settings["LAHETE_SERVICE_KEY_FILE"] = str(self.folder.service_key)
        # Not copied: an instance's own settings may change until it restarts.
        return ChainMap(self._own(name), {**self._given(), **settings})

    @property
    def cluster(self) -> Cluster:
        """The run's Kafka."""
        return self._backends.cluster

    def _urls(self) -> dict[str, str]:
        return {name: service.url for name, service in self._services.items()}

    def _check_start(self) -> None:
        self._check_given_up()
        self._backends.look_after()

    def _check_given_up(self) -> None:
        if self._given_up():
            raise StartError("the start was interrupted")

    def _write_run(self) -> None:
        pids = {name: service.pid for name, service in self._services.items()}
        own = {**self._backends.pids, "supervisor": os.getpid()}
        kafka, store = self._backends.cluster.bootstrap, self._backends.store
        write_run(self.folder, Run(kafka, store, self._urls(), pids | own, self.clock))

    def _tell_key_changes(self) -> None:
        # After run.json is there: a verb that found none has kept its change by now, another publishes its own itself.
        try:
            tell_changes(self.folder, self.cluster)
        except BrokerUnavailable as error:
            self._say(f"audit.events is told of changed keys at the next start: {error}")

    # --- running

    def look_after(self) -> None:
        """Restarts services that died. Call it often. Raises `BrokerDiedError`."""
        restarted = self._backends.look_after()
        started = [name for name, service in self._services.items() if service.look_after()]
        if started or restarted:
            self._write_run()

    def run_until(self, asked: Callable[[], bool]) -> None:
        """Looks after all until asked to stop. Raises `BrokerDiedError`."""
        while not asked():
            self.look_after()
            time.sleep(_LOOK_EVERY)

    # --- ending

    def stop(self, at_once: Callable[[], bool] = lambda: False) -> list[str]:
        """Ends all in order. The work left, a line each: none if it ended well. Raises `BrokerDiedError`.

        Calls `at_once` meanwhile; True cuts it short.
        """
        self._say("stopping: the doors are closed, waiting for what is under way")
        with writing(self.folder):
            write_private(self.folder.closed, "")
        left = self._drain(at_once)
        left += self._end_services(at_once)
        self._backends.stop()
        with writing(self.folder):
            write_private(self.folder.stopped, json.dumps({"supervisor": os.getpid(), "left": left}, indent=1))
        return left

    def _drain(self, at_once: Callable[[], bool]) -> list[str]:
        def goes_on() -> bool:
            self.look_after()
            return not at_once()

        reads = {service: READS[service] for service in self._ports}
        left: Left = asyncio.run(until_drained(self._backends.cluster, reads, DRAINED_WITHIN, goes_on))
        return list(left)

    def _end_services(self, at_once: Callable[[], bool]) -> list[str]:
        for service in self._services.values():
            service.ask_to_end()
        deadline = time.monotonic() + ENDED_WITHIN
        while any(service.running for service in self._services.values()):
            if at_once() or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return [f"{name} did not end and was killed" for name in self._kill_services()]

    def _kill_services(self) -> list[str]:
        return [name for name, service in self._services.items() if service.kill()]
