"""The README leads on, and what it leads to says what is so: the generated table of settings, the commands."""

from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from cli.settings import as_markdown, table
from shared.process.names import PREFIX
from shared.process.names import SETTINGS as SETTINGS_KNOWN

REPOSITORY = Path(__file__).parents[2]
SETTINGS = (REPOSITORY / "docs/settings.md").read_text(encoding="utf-8")
GUIDES = "".join(guide.read_text(encoding="utf-8") for guide in sorted((REPOSITORY / "docs/guides").glob("*.md")))


def test_the_readme_is_read_in_a_minute() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


def test_the_table_of_settings_is_the_one_the_code_gives() -> None:
    assert SETTINGS.endswith(as_markdown() + "\n")


def test_the_names_that_the_environment_may_hold_are_those_of_the_table() -> None:
    """Another one stops every verb and every service, so a new setting's name stands in shared/process/names.py too."""
    assert {f"{PREFIX}{name}" for name in SETTINGS_KNOWN} == {name for name, *_ in table()}


def test_every_verb_that_the_guides_name_is_there() -> None:
    for words in (
        ["trace"],
        ["find"],
        ["status"],
        ["lag"],
        ["dead-letters", "redrive"],
        ["emit"],
        ["topics", "add"],
        ["run"],
    ):
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, words
        assert f"lahete {' '.join(words)}" in GUIDES
