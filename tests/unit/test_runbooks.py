"""Every alert leads to a page that says what to do, and whatever a page tells a person to type or to ask is there."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Final

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.contracts.errors import REASONS
from shared.log_events import MEANINGS
from shared.process.names import PREFIX, is_known
from tests.unit.containers import REPOSITORY
from tests.unit.test_observability import RULES, counted

FOLDER: Final = REPOSITORY / "docs/runbooks"
PAGES: Final = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
INDEX: Final = "README"
RUNBOOKS: Final = [name for name in PAGES if name != INDEX]
HEADINGS: Final = ["What it means", "Look here", "Do this", "Who must be told"]
LINK: Final = "{{ $externalLabels.docs }}docs/runbooks/"
"""Prometheus fills in an external label of the deployment's, else nothing: then it is a path in the repository."""


def commands(page: str) -> Iterator[list[str]]:
    """The words of each `lahete` command, in blocks and in sentences."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`(lahete [^`]+)`", page)
    for line in [*"".join(blocks).splitlines(), *spans]:
        for command in re.split(r"[;|]|&&", line):
            words = shlex.split(command, comments=True)
            if words[:1] == ["lahete"]:
                yield words[1:]


def takes(words: list[str]) -> bool:
    """Whether `lahete` has such a verb with such options; does nothing."""
    return CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in RULES}
    assert links == {name: f"{LINK}{name}.md" for name in RUNBOOKS}


def test_the_index_leads_to_every_page() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| .+ \|$", PAGES[INDEX], re.MULTILINE)
    assert sorted(listed) == RUNBOOKS


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_page_says_what_it_means_where_to_look_what_to_do_and_who_must_be_told(name: str) -> None:
    title, *parts = re.split(r"^#+ (.+)$", PAGES[name], flags=re.MULTILINE)[1::2]
    assert (title, parts) == (name, HEADINGS)
    said = re.split(r"^## .+$", PAGES[name], flags=re.MULTILINE)[1:]
    assert all(len(part.split()) >= 5 for part in said)


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_is_one_that_lahete_takes(name: str) -> None:
    assert [words for words in commands(PAGES[name]) if not takes(words)] == []


@pytest.mark.parametrize("words", [["dead-letter", "list"], ["lag", "--fast"], ["key", "remove", "/region/06"]])
def test_a_command_that_lahete_does_not_take_would_be_found(words: list[str]) -> None:
    assert not takes(words)


@pytest.mark.parametrize("name", PAGES)
def test_every_address_of_a_page_is_in_the_openapi_document(name: str) -> None:
    paths = json.loads((REPOSITORY / "docs/contracts/openapi.json").read_text(encoding="utf-8"))["paths"]
    for method, path in re.findall(r"`(GET|POST) (/[^`?]*)", PAGES[name]):
        assert method.lower() in paths[path]


@pytest.mark.parametrize("name", PAGES)
def test_every_metric_setting_and_line_of_a_log_that_a_page_names_is_there(name: str) -> None:
    known = {re.sub("_(total|sum)$", "", metric) for metric in counted()} | counted().keys()
    words = set(re.findall(r"`(\w+)`", PAGES[name]))
    assert {word for word in words if word.startswith("lahete_")} <= known
    assert all(is_known(word) for word in words if word.startswith(PREFIX))
    keys = {word for word in words if "_" in word and word.islower() and not word.startswith("lahete_")}
    assert keys <= MEANINGS.keys() | set(REASONS) | {"runbook_url"}
