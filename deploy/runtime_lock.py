"""The packages of requirements.lock that run: python deploy/runtime_lock.py pyproject.toml requirements.lock [extras]

One lock for all, the tests' and the extras' too, so that the image has the tested packages. pip refuses a missing one, since every hash is required.
Needs no package itself: it runs before any is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_PIN: Final = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_VIA: Final = re.compile(r"^    #(?: via|  ) +([A-Za-z0-9._-]+)", re.MULTILINE)


def runtime_lock(lock: str, wanted: Iterable[str]) -> str:
    """The pins of the wanted packages and of all that they need, by the lock's own `via` lines. Raises `ValueError`."""
    pins = {_name(pin): pin for pin in _PIN.split(lock) if _NAME.match(pin)}
    kept = {_name(requirement) for requirement in wanted}
    if unknown := kept - pins.keys():
        raise ValueError(f"the lock has no {', '.join(sorted(unknown))}; compile it again")
    needed_by = {name: set(_VIA.findall(pin)) for name, pin in pins.items()}
    while more := {name for name, users in needed_by.items() if name not in kept and users & kept}:
        kept |= more
    return "".join(pin for name, pin in pins.items() if name in kept)


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def main(project: str, lock: str, extras: str = "") -> None:
    """Prints it, with the extras that are named, a blank between two."""
    declared = tomllib.loads(Path(project).read_text(encoding="utf-8"))["project"]
    of_extras = declared["optional-dependencies"]
    wanted = [*declared["dependencies"], *(one for extra in extras.split() for one in of_extras[extra])]
    sys.stdout.write(runtime_lock(Path(lock).read_text(encoding="utf-8"), wanted))


if __name__ == "__main__":
    main(*sys.argv[1:])
