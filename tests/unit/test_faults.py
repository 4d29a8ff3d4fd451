"""The switches for faults: what they do in tests, and that nowhere else they can be on."""

import subprocess
import sys
import time

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.process.faults import Step, between, pause
from shared.process.settings import PlatformSettings
from tests.integration.engine_world import STEPS

SETTINGS: type[BaseSettings] = PlatformSettings
ON = {"LAHETE_FAULT_FAIL_ON": "ReferralIssued", "LAHETE_FAULT_CRASH_AT": "saved", "LAHETE_FAULT_PAUSE_AT": "saved=1"}


@pytest.mark.parametrize("environment", ["production", "demo"])
@pytest.mark.parametrize("name", ON)
def test_no_fault_can_be_on_outside_tests(name: str, environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAHETE_ENV", environment)
    monkeypatch.setenv(name, ON[name])
    with pytest.raises(ValidationError, match=f"{name} is refused unless LAHETE_ENV is test"):
        SETTINGS()


def test_every_setting_of_a_fault_is_tried_above() -> None:
    faults = {f"LAHETE_{name.upper()}" for name in PlatformSettings.model_fields if "fault" in name}
    assert faults == ON.keys()


@pytest.mark.parametrize("name", ON)
def test_in_tests_each_can_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAHETE_ENV", "test")
    monkeypatch.setenv(name, ON[name])
    SETTINGS()


def test_the_steps_are_the_engines() -> None:
    assert Step.__args__ == STEPS  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["saved", "nowhere=3", "saved=-1", "saved=1.5", "=3"])
def test_a_pause_that_cannot_be_is_said(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAHETE_ENV", "test")
    monkeypatch.setenv("LAHETE_FAULT_PAUSE_AT", text)
    with pytest.raises(ValidationError, match="it is <step>=<whole seconds>"):
        SETTINGS()


def test_it_pauses_once_and_at_its_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    inject = between(None, pause("saved=30"))
    for step in (*STEPS, *STEPS):
        inject(step)
    assert slept == [30.0]


def test_it_kills_the_process_at_its_step() -> None:
    program = (
        "from shared.process.faults import between; inject = between('saved', None); inject('loaded'); inject('saved')"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
