"""In which order the supervisor starts several instances of a service, told by processes that are none."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from deploy.backends import Env
from deploy.local import supervisor
from deploy.local.processes import Patience
from deploy.local.supervisor import Supervisor
from shared.kafka.cluster import Cluster
from tests.ports import free_base


class NoProcess:
    """A service that is ready when it is asked for the second time."""

    said: ClassVar[list[str]] = []
    pid = 1
    running = False
    url = ""

    def __init__(
        self,
        name: str,
        service: str,
        port: int,
        environment: Mapping[str, str],
        log: Path,
        say: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self.name = name
        self.asked = 0

    def start(self) -> None:
        self.said.append(f"{self.name} starts")

    def missing(self) -> list[str]:
        self.asked += 1
        if self.asked == 2:
            self.said.append(f"{self.name} is ready")
        return [] if self.asked >= 2 else ["it starts"]

    def kill(self) -> bool:
        return False


class NoEngines(Env):
    """Nothing to start."""

    def __init__(self, *_: Any) -> None:
        self.cluster = Cluster("127.0.0.1:1")
        self.store = ""
        self.keeps_in_the_folder = False


def test_further_instances_start_once_the_first_of_each_service_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first makes what the store lacks: MongoDB's stand-in breaks where two make the same at once."""
    monkeypatch.setattr(supervisor, "ServiceProcess", NoProcess)
    monkeypatch.setattr(supervisor, "backends", NoEngines)
    monkeypatch.setattr(supervisor, "tell_changes", lambda *_: None)
    monkeypatch.setattr(NoProcess, "said", [])
    instances = {"referral": 2, "catalogue": 2}
    names = ("referral", "catalogue")
    with Supervisor(tmp_path, free_base(), services=names, instances=instances, say=lambda _: None):
        pass
    assert NoProcess.said == [
        "referral starts",
        "catalogue starts",
        "referral is ready",
        "catalogue is ready",
        "referral-2 starts",
        "catalogue-2 starts",
        "referral-2 is ready",
        "catalogue-2 is ready",
    ]
