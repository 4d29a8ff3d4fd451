"""The platform on one machine without servers: what stands behind `lahete run` and `lahete stop`.

Starts the embedded broker and the services, keeps the services running, and ends all in order: doors closed, what is on
the log dealt with, services, broker. If it is killed itself, its processes notice and end. The broker's log is in
memory, so the broker is not started anew: what stood on it is lost, and that is said.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from deploy.embedded.control import BrokerProcess, start_broker
from deploy.embedded.drain import Left, until_drained
from deploy.embedded.key_changes import tell_changes
from deploy.embedded.keys import make_keys
from deploy.embedded.processes import HOST, PORT_OFFSETS, ServiceProcess, check_ports, how_it_ended
from deploy.embedded.state import (
    EmbeddedError,
    Run,
    StartError,
    anchored_clock,
    claim,
    granted,
    open_folder,
    write_run,
    writing,
)
from shared.contracts import topics
from shared.engine.lag import READS
from shared.engine.publish import BrokerUnavailable
from shared.http.keys import write_private

READY_WITHIN: Final = 30.0
DRAINED_WITHIN: Final = 30.0
ENDED_WITHIN: Final = 15.0
_LOOK_EVERY: Final = 0.1

_TUNING: Final[Mapping[str, str]] = {
    "LAHETE_KAFKA_SESSION_TIMEOUT_MS": "3000",
    "LAHETE_KAFKA_FETCH_WAIT_MS": "10",
    "LAHETE_LOG_BYTES": "2500000",
}
"""What librdkafka's mock needs where the environment says nothing else; ENGINES.md says why."""


class BrokerDiedError(EmbeddedError):
    """The broker's process ended by itself. The message says what is lost and what to do."""


class Supervisor:
    """One run in one folder.

    As a context manager it is started inside the block (all ready) and leaves nothing running, in whichever way the
    block ends; `stop` before its end makes the end an orderly one. Uses no signal, so it may live in a thread.

    Args:
        path: the folder.
        port_base: the monitor's port; the other services' follow.
        clock: `<start>*<speed>`, or empty.
        extra: environment of the services beside this process's own.
        say: takes one line for a person.
        given_up: asked while starting; True ends the start.
    """

    def __init__(
        self,
        path: Path,
        port_base: int = 8100,
        clock: str = "",
        extra: Mapping[str, str] | None = None,
        *,
        services: Sequence[str] = topics.SERVICES,
        say: Callable[[str], None] = print,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._path = path
        self._ports = {service: port_base + PORT_OFFSETS[service] for service in services}
        self._clock_setting = clock
        self._extra = dict(extra or {})
        self._say = say
        self._given_up = given_up
        self._services: dict[str, ServiceProcess] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Starts all and waits until all are ready. Raises `EmbeddedError`, `EmbeddedBrokerError`."""
        with ExitStack() as stack:
            self.folder = open_folder(self._path)
            stack.enter_context(claim(self.folder))
            stack.callback(self._forget_the_run)
            self._forget_the_run()
            check_ports(self._ports)
            make_keys(self.folder)
            self.clock = anchored_clock(self.folder, self._clock_setting)
            self._broker = stack.enter_context(self._started_broker())
            stack.callback(self._kill_services)
            self._start_services()
            self._wait_until_ready()
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

    def _started_broker(self) -> BrokerProcess:
        own = {topics.intake_of(source): 1 for source in granted(self.folder)}
        with writing(self.folder):
            return start_broker(self.folder.path, topics.platform_topics() | own)

    def _start_services(self) -> None:
        for name, port in self._ports.items():
            log = self.folder.log(name)
            self._services[name] = ServiceProcess(name, port, self._environment(name, port), log, self._say)
        for service in self._services.values():
            with writing(self.folder):
                service.start()

    def _environment(self, name: str, port: int) -> dict[str, str]:
        settings = {
            "LAHETE_KAFKA": self._broker.kafka,
            "LAHETE_STATE": str(self.folder.path),
            "LAHETE_KEYS_FILE": str(self.folder.hashes),
            "LAHETE_HOST": HOST,
            "LAHETE_PORT": str(port),
            "LAHETE_CLOCK": self._clock_setting,
            "LAHETE_CLOCK_ANCHOR": repr(self.clock["anchor"]),
            "LAHETE_SUPERVISED": str(os.getpid()),
        }
        if name == "monitor":
            settings["LAHETE_SERVICE_URLS"] = json.dumps(self._urls())
            settings["LAHETE_SERVICE_KEY_FILE"] = str(self.folder.service_key)
        return {**_TUNING, **os.environ, **self._extra, **settings}

    def _urls(self) -> dict[str, str]:
        return {name: service.url for name, service in self._services.items()}

    def _wait_until_ready(self) -> None:
        waiting = dict(self._services)
        began = time.monotonic()
        while waiting:
            for name in [name for name, service in waiting.items() if service.ready()]:
                del waiting[name]
                self._say(f"{name} is ready at {self._services[name].url} ({time.monotonic() - began:.1f} s)")
            if waiting and time.monotonic() - began > READY_WITHIN:
                logs = ", ".join(str(self.folder.log(name)) for name in waiting)
                raise StartError(f"{' and '.join(waiting)}: not ready in {READY_WITHIN:.0f} s; see {logs}")
            self._check_start()
            time.sleep(0.05)

    def _check_start(self) -> None:
        if self._given_up():
            raise StartError("the start was interrupted")
        self._check_broker()

    def _write_run(self) -> None:
        pids = {name: service.pid for name, service in self._services.items()}
        own = {"broker": self._broker.pid, "supervisor": os.getpid()}
        store = f"sqlite:{self.folder.path}"
        write_run(self.folder, Run(self._broker.kafka, store, self._urls(), pids | own, self.clock))

    def _tell_key_changes(self) -> None:
        # After run.json is there: a verb that found none has kept its change by now, one that found it tells it itself.
        try:
            tell_changes(self.folder, self._broker.kafka)
        except BrokerUnavailable as error:
            self._say(f"audit.events is told of changed keys at the next start: {error}")

    # --- running

    def look_after(self) -> None:
        """Starts services anew that died. To be called often. Raises `BrokerDiedError`."""
        self._check_broker()
        started = [name for name, service in self._services.items() if service.look_after()]
        if started:
            self._write_run()

    def _check_broker(self) -> None:
        if self._broker.exit_code is not None:
            raise BrokerDiedError(
                f"the broker {how_it_ended(self._broker.exit_code)}. Its log was in memory: events that were taken and "
                "not yet dealt with by every service are lost; what the services have decided is kept in "
                f"{self.folder.path}. Everything stops. Start it again with `lahete run` and send again what was sent "
                "lately: what was dealt with is recognised as a repetition"
            )

    def run_until(self, asked: Callable[[], bool]) -> None:
        """Looks after all until asked to stop. Raises `BrokerDiedError`."""
        while not asked():
            self.look_after()
            time.sleep(_LOOK_EVERY)

    # --- ending

    def stop(self, at_once: Callable[[], bool] = lambda: False) -> list[str]:
        """Ends all in order. What is left undone, a line each: none if it ended well. Raises `BrokerDiedError`.

        Meanwhile `at_once` is asked; True cuts it short.
        """
        self._say("stopping: the doors are closed, waiting for what is under way")
        with writing(self.folder):
            self.folder.closed.touch()
        left = self._drain(at_once)
        left += self._end_services(at_once)
        self._broker.stop()
        with writing(self.folder):
            write_private(self.folder.stopped, json.dumps({"supervisor": os.getpid(), "left": left}, indent=1))
        return left

    def _drain(self, at_once: Callable[[], bool]) -> list[str]:
        def goes_on() -> bool:
            self.look_after()
            return not at_once()

        reads = {name: READS[name] for name in self._services}
        left: Left = asyncio.run(until_drained(self._broker.kafka, reads, DRAINED_WITHIN, goes_on))
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
