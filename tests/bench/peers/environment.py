"""A peer's own virtual environment: made once from its pinned requirements, kept between runs in `.venv-peers/`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
_HERE: Final = Path(__file__).parent
_INSTALLED_WITHIN: Final = 600


class NotInstalled(Exception):
    """The registry or the network gave it not; the message says what pip said last."""


def python_of(name: str) -> Path:
    """The interpreter of the environment of that name, with what `requirements-<name>.txt` holds. Raises `NotInstalled`."""
    folder, wanted = ROOT / ".venv-peers" / name, (_HERE / f"requirements-{name}.txt").read_text(encoding="utf-8")
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not (python.exists() and installed.exists() and installed.read_text(encoding="utf-8") == wanted):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(_HERE / f"requirements-{name}.txt")])
        installed.write_text(wanted, encoding="utf-8")
    return python


def environment() -> dict[str, str]:
    """The variables with which a peer's program finds our contracts, and nothing else of ours."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def _run(command: list[str]) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLED_WITHIN, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"{command[2]} took more than {_INSTALLED_WITHIN} s") from error
    if ended.returncode:
        lines = (ended.stderr or ended.stdout).strip().splitlines() or ["it printed nothing"]
        raise NotInstalled(lines[-1][:300])
