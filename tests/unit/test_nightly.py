"""The nightly batch of docs/guides/opisto.md does in each language what the guide says, where the language is installed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from deploy.embedded_broker.control import REPOSITORY
from tests.guides import Block, blocks
from tests.unit.door_double import DoorDouble, listening

PROGRAMS: Final[dict[str, tuple[Sequence[str], Sequence[str]]]] = {
    "sh": ((), ("sh", "nightly.sh")),
    "php": ((), ("php", "nightly.php")),
    "js": ((), ("node", "nightly.mjs")),
    "java": ((), ("java", "Nightly.java")),
    "csharp": (("mcs", "-r:System.Net.Http", "Nightly.cs"), ("mono", "Nightly.exe")),
}
"""By language: what compiles it, where it must be, and what runs it."""
BATCH: Final[list[dict[str, object]]] = [{"id": "1", "source": "/opisto/1.2.3"}, {"id": "2", "source": "/opisto/1.2.3"}]
REQUIRED: Final = "LAHETE_REQUIRE_LANGUAGES"
EXAMPLES: Final = [block for block in blocks(REPOSITORY / "docs/guides/opisto.md") if block.file]


@pytest.fixture
def door() -> Iterator[DoorDouble]:
    with listening() as double:
        yield double


def test_there_is_one_in_each_language_and_each_is_short() -> None:
    assert [example.language for example in EXAMPLES] == list(PROGRAMS)
    assert max(len(example.text.splitlines()) for example in EXAMPLES) <= 15


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.language)
def test_what_the_door_cannot_take_now_is_sent_again_and_what_it_refuses_is_printed(
    example: Block, door: DoorDouble, tmp_path: Path
) -> None:
    compiled, run = PROGRAMS[example.language]
    for program in (*compiled[:1], run[0]):
        if shutil.which(program) is None:
            assert not os.environ.get(REQUIRED), f"{REQUIRED} is set, and {program} is not installed"
            pytest.skip(f"{program} is not installed: {example.file} of docs/guides/opisto.md is NOT tried")
    (tmp_path / example.file).write_text(example.text)
    (tmp_path / "key").write_text("key-opisto\n")
    environment = os.environ | {"LAHETE_URL": door.url, "LAHETE_KEY_FILE": "key"}

    def sent(batch: list[dict[str, object]]) -> subprocess.CompletedProcess[str]:
        (tmp_path / "attendance.json").write_text(json.dumps(batch))
        arguments = [*run, "attendance.json"]
        return subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, check=False, text=True, timeout=120
        )

    if compiled:
        subprocess.run(compiled, cwd=tmp_path, check=True, capture_output=True)
    door.answers = [(503, {}, {"detail": "the platform is stopping"})]
    taken = sent(BATCH)
    assert taken.returncode == 0, taken.stderr
    assert door.asked == [("key-opisto", ["1", "2"])] * 2
    refused = sent([{**BATCH[0], "bad": True}])
    assert refused.returncode == 1
    assert "/data: 1 is bad" in refused.stderr
    assert len(door.asked) == 3
