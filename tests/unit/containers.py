"""docker-compose.yml as tests look at it: merged, with its variables as they are by default."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.topics import SERVICES

REPOSITORY = Path(__file__).parents[2]
PLATFORM = SERVICES
_DEFAULTED = re.compile(r"\$\{(\w+):-([^}]*)\}")


@cache
def compose() -> dict[str, Any]:
    """The file, anchors and merges resolved, as compose reads it."""
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    return document


def services() -> dict[str, dict[str, Any]]:
    """Its containers."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def environment(name: str) -> dict[str, str]:
    """What a container is given where the shell says nothing."""
    return {key: by_default(value) for key, value in services()[name].get("environment", {}).items()}


def by_default(text: str) -> str:
    """A text with its ${NAME:-default} as they are where the shell says nothing."""
    return _DEFAULTED.sub(lambda found: found[2], text)


def passed_on(text: str) -> list[str]:
    """The variables of the shell that a text takes up."""
    return [name for name, _ in _DEFAULTED.findall(text)]
