"""The simulation: lets time pass as fast as everybody keeps up, until the last day, and then reckons.

Whatever takes long slows the clock: a service that lags, a service that does not answer, a partner that waits.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Final

from demo import pace
from demo.flows import GuidelineFlow
from demo.ledger import Balance, balance
from demo.look import OPS, Snapshot, all_dead_letters, look
from demo.post import Post
from demo.pulse import Pulse
from demo.script import OWN_REGION, Script
from demo.size import DAYS, Size
from demo.timetable import Timetable
from demo.verdict import Course
from deploy.local.drain import until_drained
from deploy.local.keys import read_keys
from deploy.local.state import Folder, read_run
from shared.clock import PacedClock
from shared.kafka.cluster import Cluster
from shared.kafka.lag import READS
from shared.kafka.producer import Publisher

KILLED: Final = "referral"
_STEP: Final = 0.1
_FLUSH_EVERY: Final = 0.25
_LOOK_EVERY: Final = 2.0
_QUIET_WITHIN: Final = 300.0

Show = Callable[[Snapshot, str], None]
"""Shows one look, and a line about what goes on."""


@dataclass(frozen=True)
class Made:
    """Faults of one kind, made on purpose, and the meant result of each."""

    kind: str
    count: int
    meant: str


@dataclass(frozen=True)
class DemoResult:
    """The result of the simulation."""

    course: Course
    balance: Balance
    seen: Snapshot
    faults: tuple[Made, ...]
    imports_refused: tuple[tuple[str, list[str]], ...]
    refused_at_the_door: dict[str, int]
    trace: dict[str, Any]
    back_after: float | None


class NoReckoningError(Exception):
    """The services did not answer in time with the outcomes of the events."""


class Simulation:
    """The partners, their post, and the time in which they act.

    Args:
        size: how large the simulation is.
        folder: of the run.
        clock: the platform's, which stands still.
        own_opisto: the opisto that writes to a Kafka topic of its own.
        show: shows the progress.
        check: raises if the platform has ended.
    """

    def __init__(
        self,
        size: Size,
        folder: Folder,
        clock: PacedClock,
        own_opisto: str,
        show: Show,
        check: Callable[[], None],
    ) -> None:
        run = read_run(folder)
        assert run is not None
        rng = Random(size.seed)  # noqa: S311 - a seeded play, no secret
        self._size = size
        self._folder = folder
        self._run = run
        self._show = show
        self._check = check
        self._clock = clock
        self._publisher = Publisher.to(Cluster(run.kafka))
        self._post = Post(run.urls, read_keys(folder), self._publisher, (OWN_REGION, own_opisto), rng)
        self._timetable = Timetable(clock.now)
        self._script = Script(size, self._post, clock.now, self._timetable, rng, own_opisto)
        self._pulse = Pulse(run.urls)
        self._seen = Snapshot()
        self._begun = clock.now()
        self._back_after: float | None = None
        self._watching: list[asyncio.Task[None]] = []

    async def play(self) -> DemoResult:
        """Everything between the start and the stop of the platform."""
        await self._publisher.start()
        self._watching = [asyncio.create_task(self._pulse.listen()), asyncio.create_task(self._keep_looking())]
        try:
            await self._let_the_days_pass()
            unread = await self._come_to_rest()
            return await self._reckon_in_time(tuple(unread))
        finally:
            for task in self._watching:
                task.cancel()
            await asyncio.gather(*self._watching, return_exceptions=True)
            await self._timetable.cancel()
            await self._post.close()
            await self._publisher.stop()

    # --- time

    async def _let_the_days_pass(self) -> None:
        self._script.write(self._kill)
        ends = time.monotonic() + self._size.at_most
        flushed = 0.0
        while self._day() < DAYS and time.monotonic() < ends:
            self._goes_on()
            self._timetable.act()
            if time.monotonic() - flushed >= _FLUSH_EVERY:
                flushed = time.monotonic()
                self._send_what_lies_ready()
            self._clock.go(self._size.speed * pace.share(self._lags()), _STEP)
            await asyncio.sleep(_STEP)

    def _lags(self) -> pace.Lags:
        return self._pulse.lags() | {"a partner": self._timetable.lag()}

    def _day(self) -> float:
        return (self._clock.now() - self._begun) / timedelta(days=1)

    def _send_what_lies_ready(self) -> None:
        for sending in self._post.ready():
            self._timetable.start(sending)

    # --- faults of the platform

    def _kill(self) -> None:
        run = read_run(self._folder)
        assert run is not None
        pid = run.pids[KILLED]
        self._show(self._seen, f"kill -9 {KILLED} ({pid})")
        if pid:  # the service may have died by itself; 0 would be this process and all of its group
            os.kill(pid, signal.SIGKILL)
        self._timetable.start(self._until_it_is_back())

    async def _until_it_is_back(self) -> None:
        began = time.monotonic()
        await self._post.insist(KILLED, "/health/ready", OPS)
        self._back_after = time.monotonic() - began
        self._show(self._seen, f"{KILLED} is back after {self._back_after:.1f} s")

    # --- looking

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            self._show(self._seen, "")
            await asyncio.sleep(_LOOK_EVERY)

    async def _look(self) -> None:
        lags = self._lags()
        seen = await look(self._post, self._pulse.metrics.values(), self._seen)
        self._seen = replace(seen, day=self._day(), pace=pace.share(lags), slowest=pace.slowest(lags))

    # --- the end

    async def _come_to_rest(self) -> list[str]:
        """Nobody acts any more and the clock stands still. The work that has not ended in time, a line each."""
        self._show(self._seen, "the last day is over: waiting until all is read")
        left = await self._finish_sending()
        if left:
            return [f"{left} sendings and questions of partners are not answered"]
        return list(await until_drained(Cluster(self._run.kafka), READS, _QUIET_WITHIN, self._goes_on))

    async def _finish_sending(self) -> int:
        ends = time.monotonic() + _QUIET_WITHIN
        left = await self._timetable.finish(_QUIET_WITHIN)
        while not self._post.is_empty and time.monotonic() < ends:
            self._send_what_lies_ready()
            left = await self._timetable.finish(ends - time.monotonic())
        return left

    def _goes_on(self) -> bool:
        self._check()
        for task in self._watching:
            if task.done():
                task.result()
        return True

    async def _reckon_in_time(self, unread: tuple[str, ...]) -> DemoResult:
        try:
            async with asyncio.timeout(_QUIET_WITHIN):
                return await self._reckon(unread)
        except TimeoutError as error:
            lines = "; ".join(unread) or "a service does not answer"
            raise NoReckoningError(f"what became of the events could not be asked: {lines}") from error

    async def _reckon(self, unread: tuple[str, ...]) -> DemoResult:
        letters = await all_dead_letters(self._post.insist) or []
        became = await self._what_became()
        loop = (await self._post.insist("feedback", "/v1/reports/loop", OPS)).json()
        groups = await self._script.groups.stand()
        flows = await self._script.cooperation.flows()
        dead = Counter(str(letter["reason"]) for letter in letters)
        self._seen = replace(self._seen, day=self._day(), sent=self._post.ledger.sent, loop=loop, dead=dead)
        self._show(self._seen, "")
        return DemoResult(
            course=self._course(unread, groups, flows),
            balance=balance(self._post.ledger, became, letters),
            seen=self._seen,
            faults=tuple(Made(kind.name, count, kind.meant) for kind, count in self._script.faults.made.items()),
            imports_refused=tuple(self._script.imports_refused),
            refused_at_the_door=dict(self._post.ledger.refused),
            trace=await self._one_trace(),
            back_after=self._back_after,
        )

    def _course(self, unread: tuple[str, ...], groups: Counter[str], flows: Sequence[GuidelineFlow]) -> Course:
        made = self._script.faults.made
        return Course(
            day=self._day(),
            seconds=self._size.at_most,
            slowest=pace.slowest(self._lags()),
            unread=unread,
            reachable=self._script.reachable,
            unrecorded=self._script.unrecorded,
            letters=Counter(reason for kind in made.elements() for reason in kind.letters),
            refused=sum(kind.refused for kind in made.elements()),
            twice=self._post.ledger.unanswered.total(),
            groups=groups,
            groups_issued=len(self._script.groups.plans),
            flows=flows,
        )

    async def _what_became(self) -> list[dict[str, Any]]:
        named = list(self._post.ledger.accepted)
        became: list[dict[str, Any]] = []
        for start in range(0, len(named), 500):
            body = {"events": [{"source": source, "id": id_} for source, id_ in named[start : start + 500]]}
            answer = await self._post.insist("monitor", "/v1/events/outcomes", OPS, method="POST", json=body)
            became += answer.json()["events"]
        return became

    async def _one_trace(self) -> dict[str, Any]:
        """The trace of a referral that went all the way, if there is one."""
        for referral_id, plan in self._script.plans.items():
            state = await self._post.ask("referral", f"/v1/referrals/{referral_id}", plan.source)
            if state is not None and state.status_code == 200 and state.json()["outcome"] == "completed":
                break
        traced = await self._post.ask("monitor", f"/v1/traces/{referral_id}", OPS)
        return dict(traced.json()) if traced is not None and traced.status_code == 200 else {}
