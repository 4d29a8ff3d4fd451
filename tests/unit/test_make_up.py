"""`make up` up to where Docker begins: the secrets, and what is said where there is no Docker."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.make_secrets import NAMES, main, make_secrets
from tests.unit.containers import REPOSITORY


def test_why_not_ready_is_made_and_what_is_there_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets(folder) == list(NAMES)
    first = {name: (folder / name).read_text() for name in NAMES}
    assert len(set(first.values())) == len(NAMES)
    assert all(len(value) >= 43 for value in first.values()), "256 bits"
    (folder / "grafana_admin").unlink()
    assert make_secrets(folder) == ["grafana_admin"]
    assert {name: (folder / name).read_text() for name in NAMES if name != "grafana_admin"} == {
        name: value for name, value in first.items() if name != "grafana_admin"
    }
    assert sorted(file.name for file in folder.iterdir()) == sorted(NAMES), "nothing half made is left"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_folder_is_its_owners_alone_and_a_container_can_read_what_is_bound_into_it(
    tmp_path: Path, umask: int
) -> None:
    """Whatever the shell's umask: a file closed to all but its owner would be closed to user 10001 as well."""
    before = os.umask(umask)
    try:
        make_secrets(tmp_path / "secrets")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) for name in NAMES} == {0o444}


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    make_secrets(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_empty_secret_or_the_folder_that_docker_makes_of_a_lacking_one_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_secrets(tmp_path / "secrets")
    broken = tmp_path / "secrets" / "mongodb_root"
    broken.unlink()
    broken.mkdir()
    assert main(tmp_path / "secrets") == 1
    broken.rmdir()
    broken.touch()
    assert main(tmp_path / "secrets") == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all("mongodb_root is no secret" in line for line in said)


def test_it_prints_names_and_no_secret(tmp_path: Path) -> None:
    script = [sys.executable, "-I", str(REPOSITORY / "deploy/make_secrets.py"), str(tmp_path / "secrets")]
    run = subprocess.run(script, capture_output=True, text=True, check=True)
    assert all(name in run.stdout for name in NAMES)
    assert not any((tmp_path / "secrets" / name).read_text() in run.stdout + run.stderr for name in NAMES)
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == ""


# --- the Makefile


def docker_that(does: str, folder: Path) -> dict[str, str]:
    """A PATH on which docker is a script."""
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text(f"#!/bin/sh\n{does}\n")
    docker.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "MAKEFLAGS": ""}


def make(verb: str, env: dict[str, str], where: Path) -> subprocess.CompletedProcess[str]:
    """Runs it in a copy of what it needs, so that no secret is made in the repository."""
    (where / "deploy").mkdir()
    shutil.copy(REPOSITORY / "Makefile", where)
    shutil.copy(REPOSITORY / "deploy/make_secrets.py", where / "deploy")
    return subprocess.run(["make", verb], cwd=where, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", ["up", "down"])
def test_without_compose_it_says_so_in_one_line_and_makes_nothing(verb: str, tmp_path: Path) -> None:
    run = make(verb, docker_that("exit 1", tmp_path / "bin"), tmp_path)
    assert run.returncode != 0
    ours = [line for line in run.stderr.splitlines() if not line.startswith("make")]
    assert len(ours) == 1
    assert "Docker with Compose" in ours[0]
    assert "make demo" in ours[0]
    assert not (tmp_path / "deploy/secrets").exists()


def test_up_makes_the_secrets_then_builds_and_waits(tmp_path: Path) -> None:
    run = make("up", docker_that(f'echo "$@" >> {tmp_path}/said', tmp_path / "bin"), tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "said").read_text().splitlines() == ["compose version", "compose up --build --wait"]
    assert {file.name for file in (tmp_path / "deploy/secrets").iterdir()} == set(NAMES)


def test_down_ends_every_profile_and_keeps_the_volumes(tmp_path: Path) -> None:
    run = make("down", docker_that(f'echo "$@" >> {tmp_path}/said', tmp_path / "bin"), tmp_path)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "said").read_text().splitlines() == ["compose version", "compose --profile * down"]
