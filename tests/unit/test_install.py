"""What docs/guides/install.md says is what make does, and what the wheel is."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs/guides/install.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
AT_THE_TOP = {"cli", "demo", "deploy", "edges", "services", "shared"}


def section(heading: str) -> str:
    return GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def make(where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Installs by the Makefile, in a copy of what that needs."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, where)
    env = {**os.environ, "MAKEFLAGS": "", **environment}
    return subprocess.run(["make", ".venv/installed"], cwd=where, env=env, capture_output=True, text=True, check=False)


def python_that(does: str, folder: Path) -> str:
    """A Python that answers its version, then does as the script says."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} "$@"\n{does}\n')
    python.chmod(0o755)
    return str(python)


def test_without_make_it_is_the_three_commands_that_make_gives(tmp_path: Path) -> None:
    """Played with a Python whose virtual environment holds a python that writes down what it is asked."""
    tell = f'printf "#!/bin/sh\\necho .venv/bin/python \\$* >> {tmp_path}/said\\n" > .venv/bin/python'
    does = f"mkdir -p .venv/bin; echo python3 $* > {tmp_path}/said; {tell}; chmod +x .venv/bin/python"
    run = make(tmp_path, PYTHON=python_that(does, tmp_path))
    assert run.returncode == 0, run.stderr
    commands = re.search(r"```sh\n(.+?)\n```", section("Without make"), re.DOTALL)
    assert commands is not None
    assert (tmp_path / "said").read_text().splitlines() == commands[1].splitlines()


def test_who_installs_sees_how_many_packages_come_and_each_as_it_comes(tmp_path: Path) -> None:
    does = "mkdir -p .venv/bin; printf '#!/bin/sh\\necho Collecting\\n' > .venv/bin/python; chmod +x .venv/bin/python"
    run = make(tmp_path, PYTHON=python_that(does, tmp_path))
    pins = sum("==" in line for line in (REPOSITORY / "requirements.lock").read_text().splitlines())
    assert f"installing {pins} packages into .venv" in run.stdout
    assert "Collecting" in run.stdout
    assert "--quiet" not in run.stdout


@pytest.mark.parametrize(
    ("lacks", "says"),
    [("ensurepip", "apt install python3-venv"), ("sys.version_info", "make PYTHON=python3.12")],
)
def test_a_python_that_cannot_install_is_refused_with_what_to_do(lacks: str, says: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{lacks}*) echo "$2" >&2; exit 1;; esac\n')
    python.chmod(0o755)
    run = make(tmp_path, PYTHON=str(python))
    assert run.returncode != 0
    assert says in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_it_asks_for_the_python_that_the_project_asks_for() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert "3.11 or newer, with `venv`" in section("Where it runs")
    assert "(3, 11)" in (REPOSITORY / "Makefile").read_text()


def test_the_wheel_takes_the_six_names_that_the_guide_gives_and_holds_every_file_of_theirs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == AT_THE_TOP
    said = section("As a wheel").partition("`site-packages`:")[2].partition("So ")[0]
    assert set(re.findall(r"`(\w+)`", said)) == AT_THE_TOP
    tracked = subprocess.run(
        ["git", "ls-files", *sorted(AT_THE_TOP)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= set(held)
