"""`lahete logins`."""

from cli import terminal
from cli.failure import VerbError
from deploy.kafka.logins import ADMIN, LOGINS, LoginsError, apply_logins
from shared.process.settings import PlatformSettings, read


def logins() -> None:
    """Make the logins of the services and of setup on Kafka, by SCRAM-SHA-512, with the rights that each needs.

    Needs the administrator's login: LAHETE_KAFKA_USER and its mechanism. {service} in LAHETE_KAFKA_PASSWORD_FILE
    becomes admin for the administrator's own password, and each login for its own. A second run changes nothing.
    """
    settings = read(PlatformSettings)
    try:
        added, taken = apply_logins(settings.cluster(ADMIN), lambda login: settings.cluster(login).password)
    except LoginsError as error:
        raise VerbError(str(error)) from error
    terminal.line(f"logins: {len(LOGINS)} have their passwords; {added} rights added, {taken} taken")
