"""`lahete run --engine java`: both servers, several instances, an event, and an end in order.

That a broker may be killed, test_ground_gives_way.py shows of a service, and the soak of the whole.
"""

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


def test_a_run_on_real_servers_lists_what_runs_takes_events_and_ends_in_order(tmp_path: Path) -> None:
    address_of(java())
    folder, event = tmp_path / "lahete", referral()
    with running(folder, None, *ENGINE) as platform:
        pids = platform.run["pids"]
        assert {"broker", "mongodb", "referral", "referral-2", "catalogue", "supervisor"} <= pids.keys()
        assert {"referral", "referral-2"} <= platform.run["urls"].keys()
        assert platform.run["store"].startswith("mongodb://127.0.0.1:")
        assert platform.send(event, platform.key("/region/06")).status_code == 202
        assert wait_for(lambda: is_known(platform, event), 20)
        assert lahete("stop", "--dir", str(folder)) == (0, "stopped\n")
        assert not any(is_running(pid) for pid in pids.values())
