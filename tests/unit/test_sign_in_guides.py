"""What the guides have people write to let them sign in by a provider is what the manifests and the monitor take."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from services.monitor.settings import MonitorSettings
from shared.process.settings import read
from tests.guides import blocks
from tests.unit.containers import REPOSITORY
from tests.unit.manifests import KUBERNETES, built, faults, of_kind

OPERATIONS: Final = REPOSITORY / "docs/guides/operations.md"
(COMPOSE,) = [block.text for block in blocks(OPERATIONS) if "docker-compose.override.yml" in block.text]
ON_KUBERNETES: Final = [block.text for block in blocks(KUBERNETES / "README.md") if block.language == "yaml"]
(POLICY,) = [text for text in ON_KUBERNETES if "monitor-to-provider" in text]
(PATCH,) = [text for text in ON_KUBERNETES if "LAHETE_OIDC_ISSUER" in text]


def agreed(said: Mapping[str, str], folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, str, tuple[str, ...]]:
    """The issuer, where it leads back, and who is ops, by a monitor with this environment."""
    (folder / "secret").write_text("s3cret")
    for name, value in said.items():
        if name.startswith("LAHETE_OIDC_"):
            patch.setenv(name, str(folder / "secret") if name.endswith("_FILE") else value)
    terms = read(MonitorSettings).provider()
    assert terms
    return terms.issuer, terms.redirect, terms.roles.ops


def test_both_guides_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_compose = yaml.safe_load(COMPOSE)["services"]["monitor"]["environment"]
    (found,) = yaml.safe_load(PATCH)
    values = [one["value"] for one in yaml.safe_load(found["patch"]) if one["path"].endswith("/env/-")]
    by_kubernetes = {one["name"]: one["value"] for one in values}
    expected = (
        "https://login.lahete.example/realms/staff",
        "https://monitor.lahete.example/sign-in/provider/back",
        ("lahete-ops",),
    )
    for said in (by_compose, by_kubernetes):
        with monkeypatch.context() as patch:
            assert agreed(said, tmp_path, patch) == expected
    assert expected[1] in OPERATIONS.read_text(encoding="utf-8")


def test_compose_s_override_keeps_the_monitor_s_secrets_and_adds_one() -> None:
    override = yaml.safe_load(COMPOSE)
    before = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    added = set(override["services"]["monitor"]["secrets"]) - set(before["services"]["monitor"]["secrets"])
    assert added == set(override["secrets"]) == {"oidc_client"}
    assert set(before["services"]["monitor"]["secrets"]) <= set(override["services"]["monitor"]["secrets"])
    assert override["services"]["monitor"]["build"]["args"] == {"EXTRA": "oidc"}
    file = override["services"]["monitor"]["environment"]["LAHETE_OIDC_CLIENT_SECRET_FILE"]
    assert file == "/run/secrets/oidc_client"


def test_the_overlay_takes_what_the_guide_adds_and_the_monitor_alone_is_changed(tmp_path: Path) -> None:
    copy = shutil.copytree(KUBERNETES, tmp_path / "kubernetes") / "overlays/production"
    before = list(yaml.safe_load_all(built(copy)))
    (copy / "sign-in.yaml").write_text(POLICY)
    kustomization = (copy / "kustomization.yaml").read_text()
    listed = kustomization.replace("  - ingress.yaml\n", "  - ingress.yaml\n  - sign-in.yaml\n")
    (copy / "kustomization.yaml").write_text(f"{listed}patches:\n{PATCH}")
    after = list(yaml.safe_load_all(built(copy)))
    new = [one for one in after if one not in before]
    changed = {(one["kind"], one["metadata"]["name"]) for one in new}
    assert changed == {("NetworkPolicy", "monitor-to-provider"), ("Deployment", "monitor")}
    assert [fault for one in new for fault in faults(one)] == []
    monitor = of_kind(after, "Deployment")["monitor"]["spec"]["template"]["spec"]
    files = {item["path"] for one in monitor["volumes"][1]["projected"]["sources"] for item in one["secret"]["items"]}
    (mount,) = [one["mountPath"] for one in monitor["containers"][0]["volumeMounts"] if one["name"] == "lahete"]
    named = {one["name"]: one["value"] for one in monitor["containers"][0]["env"]}["LAHETE_OIDC_CLIENT_SECRET_FILE"]
    assert named.removeprefix(f"{mount}/") in files
