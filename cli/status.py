"""`lahete status` and `lahete lag`."""

import asyncio
from typing import Any

import typer
from aiokafka.errors import KafkaError

from cli import terminal
from cli.ask import Monitor, cluster_of, decoded, named_address, running
from cli.options import DEFAULT_DIR, Json, KeyFile, OpsUrl, RunDir
from deploy.local.processes import is_alive, port_of, why_not_ready
from deploy.local.state import Run
from shared.kafka.lag import READS, lags


def status(directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False) -> None:
    """What runs: every process, whether it lives and is ready, its URL, how far its group is behind; why not, below.

    By --url, what the monitor there can tell: whether it is ready, and how far each service is behind. Exit code 1 where
    nothing runs, or something is not as it should be.
    """
    if named_address(directory, url):
        _from_afar(Monitor(directory, url, key_file), json=json)
        return
    _, run = running(directory or DEFAULT_DIR)
    processes = [_process(name, pid, run) for name, pid in run.pids.items()]
    behind = _behind(run)
    for process in processes:
        process["lag"] = behind.get(process["name"])
    if json:
        terminal.as_json({"kafka": run.kafka, "store": run.store, "clock": run.clock, "processes": processes})
    else:
        columns = ("name", "pid", "alive", "ready", "lag", "url")
        terminal.table(columns, [[_shown(process[column]) for column in columns] for process in processes])
        for process in processes:
            for line in process["missing"]:
                terminal.line(f"{process['name']} is not ready: {line}")
        terminal.line(f"kafka {run.kafka}, store {run.store}, {run.platform_clock().now():%Y-%m-%d %H:%M} by its clock")
    if not all(process["alive"] and process["ready"] is not False for process in processes):
        raise typer.Exit(1)


def _from_afar(monitor: Monitor, *, json: bool) -> None:
    missing = [str(line) for line in decoded(monitor.answer("GET", "/health/ready")).get("missing", [])]
    behind: dict[str, int] = {}
    answer = monitor.ask("GET", "/v1/lag")
    for group in answer["groups"]:
        behind[group["service"]] = behind.get(group["service"], 0) + group["lag"]
    states = {one["service"]: one["state"] for one in answer["services"]}
    if json:
        terminal.as_json({"monitor": {"ready": not missing, "missing": missing}, "lag": behind, "states": states})
    else:
        terminal.table(("service", "lag", "state"), [(one, behind[one], states.get(one)) for one in sorted(behind)])
        for line in missing:
            terminal.line(f"monitor is not ready: {line}")
    if missing:
        raise typer.Exit(1)


def _process(name: str, pid: int, run: Run) -> dict[str, Any]:
    process = {"name": name, "pid": pid, "alive": is_alive(pid), "ready": None, "url": None, "missing": []}
    if url := run.urls.get(name):
        said = why_not_ready(port_of(url))
        missing = ["it does not answer"] if said is None else said
        process |= {"ready": not missing, "url": url, "missing": missing}
    return process


def _behind(run: Run) -> dict[str, int]:
    """The lag of each service, from Kafka itself: it is wanted most when a service does not answer."""
    reads = {service: reads for service, reads in READS.items() if service in run.urls}
    try:
        found = asyncio.run(lags(cluster_of(run), reads))
    except KafkaError as error:
        terminal.complain(f"the lag cannot be asked: {error}")
        return {}
    return {service: sum(lag.lag for lag in found if lag.service == service) for service in reads}


def _shown(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def lag(directory: RunDir = None, url: OpsUrl = None, key_file: KeyFile = None, *, json: Json = False) -> None:
    """How far each service is behind, in events and seconds, and how it keeps up: where it is behind; all with --json."""
    answer = Monitor(directory, url, key_file).ask("GET", "/v1/lag")
    if json:
        terminal.as_json(answer)
        return
    groups = [group for group in answer["groups"] if group["lag"]]
    if not groups:
        terminal.line("nothing is behind")
        return
    columns = ("service", "topic", "partition", "lag", "seconds", "state")
    terminal.table(columns, [[group[column] for column in columns] for group in groups])
