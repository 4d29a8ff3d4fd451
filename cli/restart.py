"""`lahete restart`."""

from typing import Annotated

import typer

from cli import terminal
from cli.ask import running
from cli.options import DEFAULT_DIR, Dir
from deploy.local.restart import instances_of, restart


def restart_(
    services: Annotated[
        list[str], typer.Argument(metavar="SERVICE...", help="As `lahete status` names them: referral, referral-2.")
    ],
    directory: Dir = DEFAULT_DIR,
) -> None:
    """End services in order and start them again, one after another; closes an open circuit breaker. Nothing is lost.

    Restarts each of several instances of a service. Needs the run's folder; elsewhere: docker compose restart SERVICE,
    kubectl rollout restart deployment/SERVICE.
    """
    folder, run = running(directory)
    named = {service: instances_of(run, service) for service in services}
    for service, names in named.items():
        if not names:
            raise typer.BadParameter(f"{service}: is no service of this run; there are {', '.join(run.urls)}")
    for name in dict.fromkeys(name for names in named.values() for name in names):
        terminal.line(f"{name} is ready again, process {restart(folder, name)}")
