"""Makes those secrets of docker-compose.yml that are missing: python deploy/make_secrets.py [folder]

Existing secrets stay, since the databases were made with them. Prints names, never values. Needs no package: `make up`
runs it on a machine that has Docker and Python and nothing installed.

Compose binds a secret's file into a container as it is, owner and mode too, and ours do not run as root: so the files
are readable, and the folder is what closes them, to all but its owner.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import Final

NAMES: Final = (
    "mongodb_root",
    "mongodb_referral",
    "mongodb_catalogue",
    "mongodb_feedback",
    "mongodb_notify",
    "mongodb_partners",
    "mongodb_monitor",
    "kafka_admin",
    "kafka_setup",
    "kafka_referral",
    "kafka_catalogue",
    "kafka_feedback",
    "kafka_notify",
    "kafka_partners",
    "kafka_monitor",
    "service_key",
    "grafana_admin",
)
FOLDER: Final = Path(__file__).parent / "secrets"


def make_secrets(folder: Path) -> list[str]:
    """The names of those made now. Raises `OSError`; `ValueError` at an empty one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return [name for name in NAMES if _make(folder / name)]


def _make(file: Path) -> bool:
    if file.exists():
        if not file.is_file() or not file.stat().st_size:
            raise ValueError(f"{file} is no secret: it is empty or a folder; remove it, then run this again")
        return False
    # Whole or not at all: a file that Ctrl-C left empty would be a password for good.
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("x") as made:
            made.write(secrets.token_urlsafe(32))
        beside.chmod(0o444)
        beside.rename(file)
    finally:
        beside.unlink(missing_ok=True)
    return True


def main(folder: Path = FOLDER) -> int:
    """The exit code."""
    try:
        made = make_secrets(folder)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"make_secrets: {error}\n")
        return 1
    if made:
        sys.stdout.write(f"made in {folder}: {', '.join(made)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
