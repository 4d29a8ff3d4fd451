"""The manifests of deploy/kubernetes as kustomize builds them, and what the schemas say of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
PRODUCTION = KUBERNETES / "overlays" / "production"
SCHEMAS = ROOT / "tests" / "schemas"

Manifest = Mapping[str, Any]


PLACES = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
"""Where programs are looked for: `.ci/run` installs some beside Python."""


def build(folder: Path) -> list[Manifest]:
    """All objects of a folder. Skips, loudly, where no kustomize is to be had."""
    return list(yaml.safe_load_all(_once(folder)))


@cache
def _once(folder: Path) -> str:
    return built(folder)


def built(folder: Path) -> str:
    """The objects of a folder as it is now, in YAML."""
    command = _kustomize()
    if command is None:
        pytest.skip("neither kustomize nor kubectl is here: the manifests of deploy/kubernetes are NOT checked")
    built = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert (built.returncode, built.stderr) == (0, ""), built.stderr
    return built.stdout


def _kustomize() -> list[str] | None:
    if kustomize := shutil.which("kustomize", path=PLACES):
        return [kustomize, "build"]
    kubectl = shutil.which("kubectl", path=PLACES)
    return [kubectl, "kustomize"] if kubectl else None


def faults(manifest: Manifest) -> list[str]:
    """What its schema says against it, each with its place."""
    kind = f"{manifest['apiVersion']} {manifest['kind']}"
    name = f"{kind} {manifest['metadata']['name']}"
    schemas = _schemas()
    if kind not in schemas["kinds"]:
        return [f"{name}: tests/schemas has no schema of it"]
    validator = Draft202012Validator({"$defs": schemas["$defs"], **schemas["kinds"][kind]})
    return [f"{name} at {fault.json_path}: {fault.message[:200]}" for fault in validator.iter_errors(manifest)]


@cache
def _schemas() -> dict[str, Any]:
    merged: dict[str, Any] = {"kinds": {}, "$defs": {}}
    for file in sorted(SCHEMAS.glob("*.json")):
        for part, content in json.loads(file.read_text(encoding="utf-8")).items():
            merged[part] |= content
    return merged


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of one kind, by name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Our own pods' templates, by the name of what makes them."""
    made = of_kind(manifests, "Deployment") | of_kind(manifests, "Job")
    return {name: one["spec"]["template"] for name, one in made.items()}


def container(pod: Manifest) -> Manifest:
    """The one container of a pod of ours."""
    (only,) = pod["spec"]["containers"]
    return dict(only)


def environment(manifests: list[Manifest], pod: Manifest) -> dict[str, str]:
    """A container's environment, with what it takes from ConfigMaps."""
    maps = {name: one["data"] for name, one in of_kind(manifests, "ConfigMap").items()}
    found: dict[str, str] = {}
    for source in container(pod)["envFrom"]:
        found |= maps[source["configMapRef"]["name"]]
    for variable in container(pod)["env"]:
        found[variable["name"]] = variable["value"]
    return found


def mounted(pod: Manifest) -> dict[str, tuple[str, str]]:
    """Each file that a Secret puts into the container: path to Secret and key."""
    places = {mount["name"]: mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    return {
        f"{places[volume['name']]}/{item['path']}": (source["secret"]["name"], item["key"])
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {"sources": ()})["sources"]
        if "secret" in source
        for item in source["secret"]["items"]
    }


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects."""
    equal = selector.get("matchLabels", {}).items() <= labels.items()
    return equal and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))


def allowed(manifests: list[Manifest], direction: str, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """The rules, `ingress` or `egress`, that hold for a pod. Fails where nothing denies the rest."""
    policies = [
        one["spec"]
        for one in of_kind(manifests, "NetworkPolicy").values()
        if selects(one["spec"]["podSelector"], labels) and direction.capitalize() in one["spec"]["policyTypes"]
    ]
    assert policies, f"nothing denies {direction} of {labels}"
    for policy in policies:
        yield from policy.get(direction, ())
