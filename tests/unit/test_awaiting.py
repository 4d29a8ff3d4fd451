"""A start says what it waits for, and when it gives up why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import awaiting
from deploy.local.awaiting import until_ready
from deploy.local.state import StartError

AWAY = "Kafka at 127.0.0.1:9092 does not answer; LAHETE_KAFKA says where it is"


class Starting:
    """A service that answers what it lacks, one answer after another, the last again and again."""

    url = "http://127.0.0.1:8101"
    log = Path("referral.log")

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    def missing(self) -> list[str]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two looks, and what lacks is said from the first on."""
    monkeypatch.setattr(awaiting, "_SAYS_WHY_AFTER", -1.0)
    monkeypatch.setattr(awaiting, "_LOOK_EVERY", 0.0)


def nothing() -> None:
    """The start goes on."""


@pytest.mark.usefixtures("at_once")
def test_what_several_lack_is_said_once_and_so_is_who_is_ready() -> None:
    said: list[str] = []
    until_ready({"referral": Starting([AWAY], [AWAY], []), "notify": Starting([AWAY], [])}, said.append, nothing, 60)
    assert [line.partition(" (")[0] for line in said] == [
        f"not ready yet: {AWAY}",
        "notify is ready at http://127.0.0.1:8101",
        "referral is ready at http://127.0.0.1:8101",
    ]


def test_a_start_that_takes_a_moment_says_nothing_of_what_lacks_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "_LOOK_EVERY", 0.0)
    said: list[str] = []
    until_ready({"referral": Starting(["its partitions"], [])}, said.append, nothing, 60)
    assert len(said) == 1


@pytest.mark.usefixtures("at_once")
def test_a_start_that_takes_too_long_ends_with_who_lacks_what() -> None:
    with pytest.raises(StartError, match=f"^referral and notify: not ready in 0 s: {AWAY}; see referral.log, referral"):
        until_ready({"referral": Starting([AWAY]), "notify": Starting([AWAY])}, print, nothing, 0)


def test_who_gives_up_is_asked_at_each_look() -> None:
    def given_up() -> None:
        raise StartError("the start was interrupted")

    gives_up: Callable[[], None] = given_up
    with pytest.raises(StartError, match="interrupted"):
        until_ready({"referral": Starting([AWAY])}, print, gives_up, 60)
