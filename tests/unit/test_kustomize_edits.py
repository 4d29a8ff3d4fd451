"""What the Kubernetes guide has people do to the overlay by `kustomize edit` and `sed`, pasted as it stands onto a copy."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.guides import blocks
from tests.unit.manifests import KUBERNETES, PLACES, Manifest, built

REQUIRED: Final = "LAHETE_REQUIRE_KUSTOMIZE"
GUIDE: Final = [block.text for block in blocks(KUBERNETES / "README.md") if block.language == "sh"]
OVERLAY: Final = Path("deploy/kubernetes/overlays/production")
DIGEST: Final = f"registry.town.example/kulttuurilahete@sha256:{'5e' * 32}"

Paste = Callable[[str], list[Manifest]]


@pytest.fixture
def paste(tmp_path: Path) -> Paste:
    """Pastes commands into a shell where a copy of the manifests is; what is built of the copy then."""
    if shutil.which("kustomize", path=PLACES) is None:
        missing = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        missing("kustomize is not here: the guide's kustomize edit is NOT tried")
    shutil.copytree(KUBERNETES, tmp_path / "deploy/kubernetes")

    def pasted(commands: str) -> list[Manifest]:
        env = os.environ | {"PATH": PLACES}
        shell = subprocess.run(
            ["sh", "-eu"], cwd=tmp_path, env=env, input=commands, capture_output=True, text=True, check=False
        )
        assert shell.returncode == 0, shell.stderr
        return list(yaml.safe_load_all(built(tmp_path / OVERLAY)))

    return pasted


def block_with(text: str) -> str:
    (found,) = [block for block in GUIDE if text in block]
    return found


def line_with(text: str) -> str:
    (found,) = [line for block in GUIDE for line in block.splitlines() if text in line]
    return found


def platform(manifests: list[Manifest]) -> dict[str, str]:
    """The settings that all services have."""
    (found,) = [one["data"] for one in manifests if one["kind"] == "ConfigMap" and "LAHETE_PUBLIC_URL" in one["data"]]
    return dict(found)


def images(manifests: list[Manifest]) -> set[str]:
    return set(re.findall(r"'image': '(\S*kulttuurilahete\S*)'", str(manifests)))


def hosts(manifests: list[Manifest]) -> set[str]:
    ways_in = [one["spec"] for one in manifests if one["kind"] == "Ingress"]
    served = {rule["host"] for spec in ways_in for rule in spec["rules"]}
    assert served == {host for spec in ways_in for tls in spec["tls"] for host in tls["hosts"]}
    return served


def test_the_image_becomes_the_one_that_the_registry_has(paste: Paste) -> None:
    before = images(paste(""))
    docker = f'docker() {{ [ "$1" != inspect ] || echo {DIGEST}; }}\n'
    assert len(before) == 1
    assert images(paste(docker + block_with("kustomize edit set image"))) == {DIGEST}


def test_the_hosts_become_those_of_the_named_domain(paste: Paste) -> None:
    before = paste("")
    commands = block_with("DOMAIN=lahete.example").replace("DOMAIN=lahete.example", "DOMAIN=town.example")
    after = paste(commands)
    assert hosts(after) == {host.replace("lahete.example", "town.example") for host in hosts(before)}
    changed = {"LAHETE_PUBLIC_URL": "https://feedback.town.example"}
    assert platform(after) == platform(before) | changed != platform(before)


def test_documents_are_brought_forward_until_it_is_set_back_and_nothing_else_changes(paste: Paste) -> None:
    before = paste("")
    migrates = paste(line_with("--from-literal=LAHETE_MIGRATE=true"))
    assert platform(migrates) == platform(before) | {"LAHETE_MIGRATE": "true"} != platform(before)
    assert paste(line_with("--from-literal=LAHETE_MIGRATE=false")) == before


def test_every_edit_of_the_guide_is_tried_here() -> None:
    edits = [line for block in GUIDE for line in block.splitlines() if "kustomize edit" in line or "sed " in line]
    tried = block_with("kustomize edit set image") + block_with("DOMAIN=lahete.example")
    rest = [line for line in edits if line not in tried]
    assert [line.partition("LAHETE_MIGRATE=")[2] for line in rest] == ["true)", "false)"]
