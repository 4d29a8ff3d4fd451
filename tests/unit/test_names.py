"""A mistyped `LAHETE_…` is an error that names the nearest, in every verb and every service; a duration is refused with an example."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from deploy.embedded_broker.control import REPOSITORY
from services.monitor.settings import MonitorSettings
from services.referral.settings import ReferralSettings
from shared.process.names import PREFIX, SETTINGS, is_known, mistaken
from shared.process.settings import read

MISTYPED = f"{PREFIX}KAFAK"
SAID = f"lahete: {MISTYPED} is no setting, the nearest is LAHETE_KAFKA; `lahete settings` lists all\n"
NAME = re.compile(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]\b(?!…)")


def test_every_name_that_the_repository_writes_is_known() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    written = {
        (name, found)
        for name in listed.stdout.split("\0")
        if name.endswith((".py", ".md", ".yml", ".yaml", ".env", "Makefile", "Dockerfile", ".ci/run"))
        for found in NAME.findall((REPOSITORY / name).read_text(encoding="utf-8"))
    }
    assert len({found for _, found in written}) > len(SETTINGS)
    assert {one for one in written if not is_known(one[1])} == set()


@pytest.mark.parametrize(
    "name", ["LAHETE_MONGODB", "lahete_mongodb", "LAHETE_REQUIRE_ENGINES", "LAHETE_SUPERVISED", "KAFAK", "PATH"]
)
def test_a_name_that_is_known_or_none_of_ours_is_left_alone(name: str) -> None:
    assert mistaken([name]) is None


@pytest.mark.parametrize(
    "name",
    ["LAHETE_KAFKA_BOOTSTRAP_SERVICE_HOST", "LAHETE_MONGODB_SVC_PORT_27017_TCP_ADDR", "LAHETE_KAFKA_BROKERS_PORT"],
)
def test_what_kubernetes_says_of_its_services_is_no_mistake(name: str) -> None:
    assert mistaken([name]) is None


def test_one_that_is_like_no_other_is_named_without_a_nearest() -> None:
    assert mistaken([f"{PREFIX}XYZZYQ"]) == f"{PREFIX}XYZZYQ is no setting; `lahete settings` lists all"


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_letter_too_many_is_found(name: str) -> None:
    said = mistaken([f"{PREFIX}{name}X"])
    assert said is not None
    assert f"the nearest is {PREFIX}{name};" in said


def test_a_verb_stops_at_a_mistyped_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(MISTYPED, "127.0.0.1:9092")
    with pytest.raises(SystemExit) as end:
        main(["contracts"])
    printed = capsys.readouterr()
    assert (end.value.code, printed.out, printed.err) == (1, "", SAID)


def test_a_service_stops_at_a_mistyped_name(tmp_path: Path) -> None:
    environment = os.environ | {MISTYPED: "127.0.0.1:9092", f"{PREFIX}STATE": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "services.referral"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", SAID)


@pytest.mark.parametrize("value", ["14", "14 days", "P", "P1X", "P0D", "-P1D", "two weeks", "PT0S"])
def test_a_duration_that_is_none_is_refused_with_an_example(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAHETE_DUE_MATCH", value)
    with pytest.raises(SystemExit):
        read(ReferralSettings)
    example = "a duration is ISO 8601 and above zero, such as P14D or PT12H"
    assert capsys.readouterr().err == f"lahete: LAHETE_DUE_MATCH is {value!r}: {example}\n"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("180", "a duration is ISO 8601 and above zero, such as P14D or PT12H"),
        ("PT23H", "a term for which something is kept is from P1D to P36500D, such as P180D"),
        ("P101Y", "a term for which something is kept is from P1D to P36500D, such as P180D"),
        ("P99999999999D", "a duration is ISO 8601 and above zero, such as P14D or PT12H"),
    ],
)
def test_a_term_that_is_none_is_refused_with_an_example(
    value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAHETE_KEEP_TRACES", value)
    with pytest.raises(SystemExit):
        read(MonitorSettings)
    assert capsys.readouterr().err == f"lahete: LAHETE_KEEP_TRACES is {value!r}: {said}\n"
