"""What services log: every line by a key of one list, every key in use, and shown to who reads logs."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from shared import log_events
from tests.unit.test_import_rules import REPOSITORY, modules, tree

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


@cache
def said() -> list[tuple[Path, ast.expr]]:
    """Each line that is logged: where, and by which key."""
    return [
        (path, node.args[0])
        for house in ("shared", "services")
        for path in modules(house)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    ]


def test_every_line_is_logged_by_a_key_of_the_list() -> None:
    others = [f"{path.name}: {ast.unparse(key)}" for path, key in said() if _key(key) not in log_events.MEANINGS]
    assert len(said()) >= 20
    assert others == []


def test_every_key_of_the_list_is_logged() -> None:
    assert set(log_events.MEANINGS) == {_key(key) for _, key in said()}


@pytest.mark.parametrize("key", log_events.MEANINGS)
def test_a_key_is_one_word_of_small_letters(key: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", key)


def test_who_reads_logs_finds_every_key_with_what_it_means() -> None:
    guide = (REPOSITORY / "docs/guides/operations.md").read_text(encoding="utf-8")
    for key, meaning in log_events.MEANINGS.items():
        assert f"| `{key}` | {meaning} |" in guide


def _key(said: ast.expr) -> str | None:
    if isinstance(said, ast.Attribute) and ast.unparse(said.value) == "log_events":
        return str(getattr(log_events, said.attr))
    return None
