"""CONTRIBUTING.md's worked diff, done to a copy of the repository: three files make a class that every part knows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_import_rules import REPOSITORY

DIFF = re.compile(r"```diff\n(.*?)```", re.DOTALL)
PLAYED = '''
"""A region asks on paper: the door takes it, its sender is told what became of it, and nobody is asked again."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.unit.country import Sent, an_event, country
from tests.unit.doors import OPISTO, REGION, key


@pytest.mark.asyncio
async def test_the_class_that_the_worked_diff_adds(tmp_path: Path) -> None:
    referral = str(uuid4())
    sent = Sent("paper-1", REGION, "AskedOnPaper", referral, {"referral_id": referral, "phase": "before"})
    stranger = sent._replace(id="paper-2", source="/region/07")
    async with country(tmp_path) as one:
        headers = {name.replace("ce_", "ce-"): (value or b"").decode() for name, value in sent.headers}
        headers |= {"content-type": "application/json", **key(REGION)}
        door = one.doors["feedback"]
        answer = await door.client.post("/v1/events", content=json.dumps(sent.data), headers=headers)
        assert answer.status_code == 202, answer.text
        [record] = [record for record in door.written if record.key == referral.encode()]
        door.written.clear()
        await one.flow([record])
        await one.is_true(sent, "waiting")
        await one.send(an_event("ReferralIssued", referral))
        await one.is_true(sent, "applied")
        await one.send(stranger)
        await one.is_true(stranger, "dead_lettered")
'''


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, tmp_path / name)
    return tmp_path


def run(copy: Path, *arguments: str, given: str = "") -> str:
    done = subprocess.run(arguments, cwd=copy, input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_worked_diff_makes_a_class_that_every_part_knows(copy: Path) -> None:
    [diff] = DIFF.findall((copy / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    run(copy, "git", "apply", "-", given=diff)
    assert diff.count("+++ b/") == 3
    run(copy, sys.executable, "-m", "ruff", "check", "--quiet", "services", "shared")
    run(copy, sys.executable, "-m", "ruff", "format", "--quiet", "--check", "services", "shared")
    run(copy, sys.executable, "-m", "cli.main", "contracts", "--out", "docs/contracts")
    assert (copy / "docs/contracts/schemas/AskedOnPaper.v1.json").is_file()
    documented = copy / "docs/contracts.md"
    text = documented.read_text(encoding="utf-8")
    heading = "### Sent by a region\n\n"
    assert text.count(heading) == 1
    sentence = "- **AskedOnPaper**: the region has asked the client itself. `referral_id` · `phase`.\n"
    documented.write_text(text.replace(heading, heading + sentence), encoding="utf-8")
    (copy / "tests/unit/test_played.py").write_text(PLAYED, encoding="utf-8")
    of_classes = ("test_schemas", "test_samples_events", "test_asyncapi", "test_descriptions")
    tests = (
        "unit/test_played.py",
        "unit/test_fates.py",
        "unit/test_registry_fits.py",
        *(f"contract/{one}.py" for one in of_classes),
    )
    said = run(
        copy,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        *(f"tests/{name}" for name in tests),
    )
    assert " passed" in said
