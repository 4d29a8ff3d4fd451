"""`lahete run --engine java`: both servers, several instances, and a broker that is killed while events come."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.engines import address_of, java
from tests.integration.test_run import Running, is_running, lahete, referral, running, wait_for

ENGINE = ("--engine", "java", "--instances", "referral=2")


def is_known(platform: Running, event: Mapping[str, object]) -> bool:
    headers = {"Authorization": f"Bearer {platform.key('ops:first')}"}
    url = f"{platform.run['urls']['referral']}/v1/referrals/{event['subject']}"
    try:
        return httpx.get(url, headers=headers, timeout=10, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def is_taken(platform: Running, event: Mapping[str, object]) -> bool:
    try:
        return platform.send(event, platform.key("/region/06")).status_code == 202
    except httpx.TransportError:
        return False


def test_a_run_on_real_servers_outlives_its_broker(tmp_path: Path) -> None:
    address_of(java())
    folder, first, second = tmp_path / "lahete", referral(), referral()
    with running(folder, None, *ENGINE) as platform:
        pids = platform.run["pids"]
        assert {"broker", "mongodb", "referral", "referral-2", "catalogue", "supervisor"} <= pids.keys()
        assert {"referral", "referral-2"} <= platform.run["urls"].keys()
        assert platform.run["store"].startswith("mongodb://127.0.0.1:")
        assert is_taken(platform, first)
        assert wait_for(lambda: is_known(platform, first), 20)

        os.kill(pids["broker"], signal.SIGKILL)
        assert wait_for(lambda: platform.run["pids"]["broker"] not in {0, pids["broker"]}, 20)
        assert wait_for(lambda: is_taken(platform, second), 60)
        assert wait_for(lambda: is_known(platform, second), 60)
        last = platform.run["pids"]
        assert lahete("stop", "--dir", str(folder)) == (0, "stopped\n")
        assert not any(is_running(pid) for pid in last.values())
