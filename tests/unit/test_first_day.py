"""The first day's commands tell who pastes them what is wrong, rather than wait for ever."""

import subprocess
from pathlib import Path

import pytest

from tests.guides import FIRST_DAY, blocks


def pasted(last: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The page's first block and one line more, where no time passes between two tries."""
    first = blocks(FIRST_DAY)[0].text
    script = f"{first}sleep() {{ :; }}\n{last}\n"
    return subprocess.run(["sh", "-eu"], cwd=folder, input=script, capture_output=True, text=True, check=False)


def test_who_waits_for_what_was_refused_is_shown_the_answer(tmp_path: Path) -> None:
    shell = pasted("answers() { echo '404: no such referral'; }; awaits placed answers", tmp_path)
    assert (shell.returncode, shell.stdout) == (1, "")
    assert shell.stderr == "no placed within a minute; answers answers: 404: no such referral\n"


@pytest.mark.parametrize("word", ["placed", '"status": *"placed"'])
def test_who_waits_goes_on_once_the_text_is_there(word: str, tmp_path: Path) -> None:
    counts = 'answers() { echo >> asked; [ "$(wc -l < asked)" -lt 3 ] || echo \'{"status":"placed"}\'; }'
    shell = pasted(f"{counts}; awaits '{word}' answers; wc -l < asked", tmp_path)
    assert (shell.returncode, shell.stdout.strip(), shell.stderr) == (0, "3", "")


def test_no_block_waits_without_an_end() -> None:
    loops = [block.text for block in blocks(FIRST_DAY)[1:] if "until " in block.text or "while " in block.text]
    assert loops == []
