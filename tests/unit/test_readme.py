"""The README says what is so: its generated table, its commands."""

from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from cli.settings import as_markdown

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_the_one_the_code_gives() -> None:
    assert README.endswith(as_markdown() + "\n")


def test_every_verb_that_the_readme_names_is_there() -> None:
    for words in (["trace"], ["status"], ["lag"], ["dead-letters", "redrive"], ["emit"], ["topics", "add"], ["demo"]):
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, words
        assert f"lahete {' '.join(words)}" in README
