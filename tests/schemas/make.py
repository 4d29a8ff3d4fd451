"""Makes the schemas beside this file from what the projects publish; README.md says how to get that.

Only the kinds that deploy/kubernetes uses, without descriptions, and strict: a field that nobody knows is a fault.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
KUBERNETES: Final = "1.35"
KINDS: Final = {
    "v1 ConfigMap": "configmap-v1",
    "v1 Namespace": "namespace-v1",
    "v1 Service": "service-v1",
    "apps/v1 Deployment": "deployment-apps-v1",
    "batch/v1 Job": "job-batch-v1",
    "networking.k8s.io/v1 Ingress": "ingress-networking-v1",
    "networking.k8s.io/v1 NetworkPolicy": "networkpolicy-networking-v1",
    "policy/v1 PodDisruptionBudget": "poddisruptionbudget-policy-v1",
}
_REF: Final = "/api/_definitions.json#/$defs/"


def of_kubernetes(folder: Path) -> dict[str, Any]:
    """The kinds of Kubernetes itself, from kubernetes-validate's folder of schemas, and the definitions they need."""
    place = folder / f"v{KUBERNETES}.0-local-strict"
    known = json.loads((place / "_definitions.json").read_text())["$defs"]
    kinds = {name: _bare(json.loads((place / f"{file}.json").read_text())) for name, file in KINDS.items()}
    needed: dict[str, Any] = {}
    waiting = list(_refs(list(kinds.values())))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _bare(known[name])
            waiting += _refs(needed[name])
    return {"kinds": kinds, "$defs": dict(sorted(needed.items()))}


def of_operators(files: list[Path]) -> dict[str, Any]:
    """The stored version of each CustomResourceDefinition."""
    kinds = {}
    for file in files:
        spec = yaml.safe_load(file.read_text())["spec"]
        version = next(one for one in spec["versions"] if one["storage"])
        schema = _strict(_bare(version["schema"]["openAPIV3Schema"]))
        schema["properties"]["metadata"] = {"type": "object"}
        kinds[f"{spec['group']}/{version['name']} {spec['names']['kind']}"] = schema
    return {"kinds": dict(sorted(kinds.items())), "$defs": {}}


def _bare(schema: Any, *, names: bool = False) -> Any:
    """Without descriptions, references made local; `names`: the keys here are names of fields."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema.replace(_REF, "#/$defs/") if isinstance(schema, str) else schema
    return {
        key: _bare(value, names=key == "properties" and not names)
        for key, value in schema.items()
        if names or not (key == "description" or key.startswith("x-kubernetes-"))
        if names or key != "status"
    } | ({"open": True} if schema.get("x-kubernetes-preserve-unknown-fields") is True and not names else {})


def _strict(schema: Any) -> Any:
    """A structural schema of a CRD drops unknown fields in silence; here they are faults. `nullable` becomes a type."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items() if key not in {"open", "nullable"}}
    if isinstance(schema.get("properties"), dict) and "open" not in schema:
        strict.setdefault("additionalProperties", False)
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        strict["type"] = [schema["type"], "null"]
    return strict


def _refs(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _refs(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix("#/$defs/")] if isinstance(schema.get("$ref"), str) else []
    return own + [name for value in schema.values() for name in _refs(value)]


def _write(name: str, schemas: dict[str, Any]) -> None:
    (HERE / name).write_text(json.dumps(schemas, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    kubernetes, *crds = (Path(argument) for argument in sys.argv[1:])
    _write("kubernetes.json", of_kubernetes(kubernetes))
    _write("operators.json", of_operators(crds))
