"""The demo, start to end: real processes, real HTTP and Kafka, real opistos, made-up people.

`play` starts the platform, lets six weeks pass, kills a service in the middle, waits until all is quiet, and returns
what became of everything that was sent.
"""

import asyncio
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from cli.linked_events import convert
from deploy.demo.faults import Faults
from deploy.demo.ledger import Balance, balance
from deploy.demo.look import OPS, Sight, all_dead_letters, look
from deploy.demo.partners import Opisto, Region
from deploy.demo.people import Plan, people
from deploy.demo.post import Post
from deploy.demo.programme import programme
from deploy.demo.register import Fault, load_opistos
from deploy.embedded.drain import until_drained
from deploy.embedded.keys import read_keys
from deploy.embedded.state import EmbeddedError, Folder, Run, grant, open_folder, read_run
from deploy.embedded.supervisor import Supervisor
from deploy.engines import Engine
from shared.clock import Clock
from shared.cluster import Cluster
from shared.engine.lag import READS
from shared.engine.publish import Publisher
from shared.reference import MUNICIPALITIES, REGIONS

START: Final = "2026-09-01T08:00:00+03:00"
DAYS: Final = 30.0
"""How many days of the platform's clock pass while the partners act."""
ISSUING_DAYS: Final = 11.0
KILLED: Final = "referral"
OWN_REGION: Final = "/region/06"
_DUE: Final[Mapping[str, str]] = {
    "LAHETE_ENV": "demo",
    "LAHETE_DUE_MATCH": "P7D",
    "LAHETE_DUE_CHOICE": "P3D",
    "LAHETE_DUE_CONFIRMATION": "P3D",
    "LAHETE_DUE_ATTENDANCE": "P3D",
    "LAHETE_DUE_FEEDBACK": "P3D",
    "LAHETE_REMATCH": "P2D",
    "LAHETE_LOG_LEVEL": "warning",
    # At this pace of the clock nobody misses 20 ms, and five idle consumers cost half a core less.
    "LAHETE_KAFKA_FETCH_WAIT_MS": "30",
}
_FLUSH_EVERY: Final = 0.25
_LOOK_EVERY: Final = 2.0
_REGIONS_LOOK_EVERY: Final = 0.8
_QUIET_WITHIN: Final = 40.0
_QUIET_WITHIN_JAVA: Final = (
    300.0  # the server that stands in for MongoDB writes some thousand documents a second, no more
)


@dataclass(frozen=True)
class Size:
    """How large the demo is. `seconds` is how long the partners act, in real time."""

    referrals: int = 1_000
    opistos: int = 200
    activities_each: int = 4
    seconds: float = 64.0
    seed: int = 20260901

    @property
    def speed(self) -> int:
        """Of the platform's clock."""
        return round(DAYS * 86_400 / self.seconds)


@dataclass
class Told:
    """What the demo has to tell at its end."""

    balance: Balance
    sight: Sight
    register_faults: list[Fault]
    imports_refused: list[tuple[str, list[str]]]
    refused_at_the_door: dict[str, int]
    dead_letters: dict[str, int]
    trace: dict[str, Any]
    killed: str
    back_after: float | None
    seconds: float
    left: list[str] = field(default_factory=list)


Show = Callable[[Sight, str], None]
"""Shows one look, and a line about what goes on."""


def play(size: Size, port_base: int, show: Show, say: Callable[[str], None], engine: Engine = Engine.EMBEDDED) -> Told:
    """The whole demo, in a folder that is gone afterwards. Raises what `Supervisor` raises where it cannot start."""
    began = time.monotonic()
    opistos, faults = load_opistos()
    own_opisto = f"/opisto/{opistos[0].id}"
    with tempfile.TemporaryDirectory(prefix="lahete-demo-") as place:
        folder = open_folder(Path(place))
        for source in (OWN_REGION, own_opisto):
            grant(folder, source)
        clock = f"{START}*{size.speed}"
        with Supervisor(folder.path, port_base, clock, _DUE, engine=engine, say=say) as supervisor:
            with _looked_after(supervisor) as platform:
                told = asyncio.run(_played(size, folder, own_opisto, show, platform.check))
            run = read_run(folder)
            told.left += supervisor.stop()
        told.left += [] if run is None else still_running(run)
    told.register_faults = faults
    told.seconds = time.monotonic() - began
    return told


async def _played(size: Size, folder: Folder, own_opisto: str, show: Show, check: Callable[[], None]) -> Told:
    return await Stage(size, folder, own_opisto, show).play(check)


def still_running(run: Run) -> list[str]:
    """Processes of the run that are still there: none, if all went well."""
    return [f"{name} ({pid}) still runs" for name, pid in run.pids.items() if name != "supervisor" and _is_there(pid)]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class _looked_after:  # noqa: N801 - reads as a phrase: with a supervisor looked after
    """Starts services anew that died, from a thread, while the demo plays."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._fault: EmbeddedError | None = None

    def _run(self) -> None:
        try:
            self._supervisor.run_until(self._over.is_set)
        except EmbeddedError as error:
            self._fault = error

    def check(self) -> None:
        """Raises what ended the looking after: a broker that died ends the demo, and at once."""
        if self._fault is not None:
            raise self._fault

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        # Whatever else failed meanwhile failed because of it.
        self.check()


class Stage:
    """The partners, their post, and the time in which they act."""

    def __init__(self, size: Size, folder: Folder, own_opisto: str, show: Show) -> None:
        run = read_run(folder)
        assert run is not None
        self._size = size
        self._folder = folder
        self._run = run
        self._show = show
        self._quiet_within = _QUIET_WITHIN if run.embedded else _QUIET_WITHIN_JAVA
        self._rng = Random(size.seed)  # noqa: S311 - a seeded play, no secret
        self._clock: Clock = run.platform_clock()
        self._publisher = Publisher.to(Cluster(run.kafka))
        self._post = Post(run.urls, read_keys(folder), self._publisher, (OWN_REGION, own_opisto), self._rng)
        self._regions = {
            f"/region/{code}": Region(f"/region/{code}", self._post, self._clock.now, self._later, self._rng)
            for code, region in REGIONS.items()
            if region.may_refer
        }
        self._plans: dict[str, Plan] = {}
        opistos, _ = load_opistos()
        self._register = opistos[: size.opistos]
        self._opistos = {
            f"/opisto/{one.id}": Opisto(
                f"/opisto/{one.id}", self._post, self._clock.now, self._later, self._rng, self._plans.get
            )
            for one in self._register
        }
        self._faults = Faults(self._post, self._clock.now, OWN_REGION, own_opisto, self._rng)
        self._sight = Sight()
        self._running: set[asyncio.Task[Any]] = set()
        self._over = False
        self._begun = self._clock.now()
        self._back_after: float | None = None
        self._imports_refused: list[tuple[str, list[str]]] = []

    async def play(self, check: Callable[[], None]) -> Told:
        """Everything between the start and the stop of the platform. `check` raises where that has ended."""
        await self._publisher.start()
        try:
            await self._act_it_out(check)
            return await self._end()
        finally:
            await self._curtain()
            await self._post.close()
            await self._publisher.stop()

    async def _act_it_out(self, check: Callable[[], None]) -> None:
        self._begun = self._clock.now()
        self._write_the_play()
        ends = time.monotonic() + self._size.seconds
        for every, work in (
            (_FLUSH_EVERY, self._post.flush),
            (_REGIONS_LOOK_EVERY, self._regions_look),
            (self._real_seconds(1.5), self._nightly_runs),
            (_LOOK_EVERY, self._look),
        ):
            self._start(self._beat(every, work))
        while time.monotonic() < ends:
            await asyncio.sleep(0.2)
            check()
            self._raise_what_failed()
        await self._curtain()

    async def _curtain(self) -> None:
        """Nobody acts any more, whatever was planned: what is sent must stand still to be reckoned."""
        self._over = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # --- what happens when

    def _write_the_play(self) -> None:
        start = self._begun
        for one in self._register:
            self._start(self._register_partner(f"/opisto/{one.id}", one.name, one.languages))
        for activity in programme(self._register, self._rng, start, self._size.activities_each):
            opisto = self._opistos[activity.organiser]
            self._later(start + timedelta(hours=self._rng.random() * 6), lambda o=opisto, a=activity: o.publish(a))  # type: ignore[misc]
        self._import_linked_events()
        for plan in people(self._rng, self._size.referrals, ISSUING_DAYS):
            self._plans[plan.referral_id] = plan
            region = self._regions[plan.source]
            self._later(start + timedelta(days=0.4 + plan.issued_at), lambda r=region, p=plan: r.issue(p))  # type: ignore[misc]
        for _ in range(max(18, self._size.referrals // 20)):
            when = start + timedelta(days=1 + self._rng.random() * 20)
            plan = self._rng.choice(list(self._plans.values()))
            self._later(when, lambda p=plan: self._faults.make_one(p))  # type: ignore[misc]
        for number, opisto in enumerate(list(self._opistos.values())[3::25]):
            replaced = "syksy-2" if number % 2 else None
            self._later(start + timedelta(days=13), lambda o=opisto, r=replaced: o.cancel("syksy-1", r))  # type: ignore[misc]
        self._later(start + timedelta(days=DAYS * 0.45), self._kill)

    async def _register_partner(self, source: str, name: str, languages: tuple[str, ...]) -> None:
        kind, id_ = source[1:].split("/")
        language = next((one for one in languages if one in {"fi", "sv", "en"}), "fi")
        await self._post.ask(
            "monitor", f"/v1/partners/{kind}/{id_}", OPS, method="PUT", json={"name": name, "language": language}
        )

    def _import_linked_events(self) -> None:
        document = linked_events()
        organiser = next(iter(self._opistos))
        municipality = next(code for code, one in MUNICIPALITIES.items() if one.name_fi == "Helsinki")
        events, refusals = convert(document, organiser=organiser, now=self._clock.now(), municipality=municipality)
        for event in events:
            self._post.put(dict(event))
        self._imports_refused = [(refusal.id, list(refusal.reasons)) for refusal in refusals]

    async def _kill(self) -> None:
        run = read_run(self._folder)
        assert run is not None
        pid = run.pids[KILLED]
        self._show(self._sight, f"kill -9 {KILLED} ({pid})")
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while True:
            ready = await self._post.ask(KILLED, "/health/ready", OPS)
            if ready is not None and ready.status_code == 200:
                break
            await asyncio.sleep(0.1)
        self._back_after = time.monotonic() - began
        self._show(self._sight, f"{KILLED} is back after {self._back_after:.1f} s")

    async def _regions_look(self) -> None:
        await asyncio.gather(*(region.read_feed() for region in self._regions.values()))

    async def _nightly_runs(self) -> None:
        opistos = list(self._opistos.values())
        for opisto in opistos:
            await opisto.nightly_run()

    async def _look(self) -> None:
        day = (self._clock.now() - self._begun) / timedelta(days=1)
        self._sight = await look(self._post, self._run.urls, day, self._sight)
        self._show(self._sight, "")

    # --- time

    def _real_seconds(self, days: float) -> float:
        return self._clock.real_seconds(timedelta(days=days))

    def _later(self, when: datetime, action: Callable[[], Any]) -> None:
        delay = max(0.0, self._clock.real_seconds(when - self._clock.now()))
        asyncio.get_running_loop().call_later(delay, self._act, action)

    def _act(self, action: Callable[[], Any]) -> None:
        result = None if self._over else action()
        if result is not None:
            self._start(result)

    def _start(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)

    def _raise_what_failed(self) -> None:
        for task in [one for one in self._running if one.done()]:
            self._running.discard(task)
            task.result()

    async def _beat(self, every: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            began = time.monotonic()
            await work()
            await asyncio.sleep(max(0.0, every - (time.monotonic() - began)))

    # --- the end

    async def _end(self) -> Told:
        await self._post.flush()
        self._show(self._sight, "waiting until all is quiet")
        left = await until_drained(Cluster(self._run.kafka), READS, self._quiet_within, lambda: True)
        await self._look()
        letters = await all_dead_letters(self._post) or []
        became = await self._what_became()
        return Told(
            balance=balance(self._post.ledger, became, letters),
            sight=self._sight,
            register_faults=[],
            imports_refused=self._imports_refused,
            refused_at_the_door=dict(self._post.ledger.refused),
            dead_letters=dict(self._sight.dead),
            trace=await self._one_trace(),
            killed=KILLED,
            back_after=self._back_after,
            seconds=0.0,
            left=list(left),
        )

    async def _what_became(self) -> list[dict[str, Any]]:
        named = list(self._post.ledger.accepted)
        became: list[dict[str, Any]] = []
        for start in range(0, len(named), 500):
            body = {"events": [{"source": source, "id": id_} for source, id_ in named[start : start + 500]]}
            response = await self._post.ask("monitor", "/v1/events/outcomes", OPS, method="POST", json=body)
            if response is None or response.status_code != 200:
                raise RuntimeError(f"the monitor does not say what became of events: {response and response.text}")
            became += response.json()["events"]
        return became

    async def _one_trace(self) -> dict[str, Any]:
        """Of a referral that went all the way, if there is one."""
        for referral_id, plan in self._plans.items():
            state = await self._post.ask("referral", f"/v1/referrals/{referral_id}", plan.source)
            if state is not None and state.status_code == 200 and state.json()["outcome"] == "completed":
                break
        traced = await self._post.ask("monitor", f"/v1/traces/{referral_id}", OPS)
        return dict(traced.json()) if traced is not None and traced.status_code == 200 else {}


def linked_events() -> object:
    """The real Linked Events rows that the demo carries; SOURCES.md names where they come from."""
    return json.loads(files("deploy.demo").joinpath("linked_events.json").read_text(encoding="utf-8"))
