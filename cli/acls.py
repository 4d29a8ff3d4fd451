"""`lahete acls`."""

import shlex
from dataclasses import asdict

from cli import terminal
from cli.options import DEFAULT_DIR, Dir, Json
from deploy.kafka.acls import commands, of_senders, of_services, of_staff
from deploy.local.state import Folder, granted


def acls(directory: Dir = DEFAULT_DIR, *, json: Json = False) -> None:
    """Print the commands that let each service and each granted sender do on Kafka what it must, and nothing else.

    A sender's login is its source with hyphens, /region/06 is region-06; a service's is its name; `lahete setup` has the
    login setup, a person's command line ops. The brokers must refuse whoever has no entry
    (allow.everyone.if.no.acl.found=false).
    """
    found = [*of_services(), *of_staff(), *of_senders(granted(Folder(directory.resolve())))]
    if json:
        terminal.as_json([asdict(acl) for acl in found])
        return
    for arguments in commands(found):
        terminal.line(f"kafka-acls.sh --bootstrap-server $KAFKA --command-config $ADMIN {shlex.join(arguments)}")
