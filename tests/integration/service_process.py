"""One service as a process of its own, started and ended by a test, and what it says of itself."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from deploy.embedded_broker.control import REPOSITORY
from deploy.local.keys import make_keys, read_keys
from deploy.local.processes import HOST
from deploy.local.state import open_folder
from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from shared.log_events import DEPENDENCY_AWAITED, DEPENDENCY_CHECK_FAILED
from tests.integration.road import issued, kafka_headers_of
from tests.integration.running import PATIENCE
from tests.over_http import ask
from tests.ports import free_base

REGION = "/region/06"


class ReferralService:
    """The referral service, its state and keys in a folder that outlives the process."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = open_folder(folder)
        make_keys(self.folder)
        self.port = free_base()
        self.url = f"http://{HOST}:{self.port}"
        self._log = folder / "referral.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LAHETE_")}
        own = {
            "LAHETE_ENV": "test",
            "LAHETE_STATE": str(folder),
            "LAHETE_KEYS_FILE": str(self.folder.hashes),
            "LAHETE_HOST": HOST,
            "LAHETE_PORT": str(self.port),
        }
        with self._log.open("ab") as log:
            self._said_from = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.referral"],
                cwd=REPOSITORY,
                env={**inherited, **own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """What it has printed."""
        return self._log.read_bytes()[self._said_from :].decode()

    def told(self) -> list[str]:
        """The reasons it has logged for not working, each as often as it was logged."""
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [line.get("why") or line.get("what", "") for line in lines if line["event"] in _REASONS]

    def ask(self, path: str, who: str = REGION) -> httpx.Response:
        headers = {"Authorization": f"Bearer {read_keys(self.folder)[who]}"}
        return ask("GET", self.url + path, headers=headers, timeout=30)

    def take(self, event: Mapping[str, Any]) -> httpx.Response:
        """The door's answer to an event."""
        key = read_keys(self.folder)[event["source"]]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"}
        return ask("POST", self.url + "/v1/events", content=json.dumps(event), headers=headers, timeout=30)

    def not_ready(self) -> list[str] | None:
        """What readiness says is missing; None while nobody answers."""
        with suppress(httpx.TransportError):
            answer = ask("GET", self.url + "/health/ready", timeout=5)
            missing: list[str] = answer.json()["missing"]
            assert (answer.status_code == 200) is (missing == [])
            return missing
        return None

    def counts_as_ready(self) -> bool:
        """What Prometheus is told."""
        lines = ask("GET", self.url + "/metrics", timeout=5).text.splitlines()
        (told,) = [line.rpartition(" ")[2] for line in lines if line.startswith("lahete_ready{")]
        return float(told) == 1

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """What the condition gives once it gives something; the process goes on meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            assert self.process.poll() is None, f"it ended: {self.said()[-3000:]}"
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {what}; it lacks {self.not_ready()}; {self.said()[-3000:]}")

    def becomes_ready(self) -> None:
        self.until(lambda: self.not_ready() == [], "ready")

    def comes_to_lack(self, part: str) -> str:
        """Waits until readiness names something; the whole line."""

        def line() -> str:
            return next((one for one in self.not_ready() or [] if part in one), "")

        return str(self.until(line, f"it lacks {part!r}"))

    def holds(self, referral_id: str) -> bool:
        return self.ask(f"/v1/referrals/{referral_id}").status_code == 200

    def comes_to_hold(self, referral_id: str) -> None:
        self.until(lambda: self.holds(referral_id), f"it holds {referral_id}")

    def ended(self) -> tuple[int, str]:
        """Its exit code and its last line, awaited."""
        code = self.process.wait(PATIENCE)
        return code, self.said().strip().splitlines()[-1]


_REASONS = {DEPENDENCY_AWAITED, DEPENDENCY_CHECK_FAILED}


@contextmanager
def service(folder: Path, **environment: str) -> Iterator[ReferralService]:
    """One that runs meanwhile; asked to end at the end, and it must end well."""
    one = ReferralService(folder, environment)
    try:
        yield one
        if one.process.poll() is None:
            one.process.terminate()
            assert one.process.wait(PATIENCE) == 0, one.said()[-3000:]
    finally:
        one.process.kill()
        one.process.wait()


def record(referral_id: str, source: str = REGION, topic: str = "") -> Record:
    """A referral as its region writes it to Kafka itself."""
    event = issued(referral_id, source)
    data = json.dumps(event["data"]).encode()
    return Record(topic or topics.intake_of(source), referral_id.encode(), data, kafka_headers_of(event))


async def write(kafka: Cluster, *records: Record) -> None:
    """Raises `BrokerUnavailable` where Kafka refuses."""
    publisher = Publisher.to(kafka)
    await publisher.start()
    try:
        await publisher.publish(records, within=10)
    finally:
        await publisher.stop()
