"""A fault is logged by its class and its lines of code, whoever logs it; what it says, which may quote an event, is not."""

import json
import subprocess
import sys
from typing import Any, Final

import pytest

from shared import log_events
from tests.unit.containers import REPOSITORY

SECRET: Final = "Aino Esimerkki, puh. 040 1234567"
FAULTS: Final = """
import asyncio, logging, structlog
from shared import log_events
from shared.process import logs

logs.configure("referral", "info")

def decide(said):
    raise ValueError(f"no need has {said!r}")

def failed(said):
    try:
        decide(said)
    except ValueError as error:
        try:
            raise KeyError(said) from error
        except KeyError as then:
            return ExceptionGroup(said, [then, OSError(said)])

error = failed(SECRET)
structlog.get_logger().error(log_events.HANDLER_FAILED, event_id="a1b2", exc_info=error)
try:
    decide(SECRET)
except ValueError:
    structlog.get_logger().exception(log_events.ENGINE_FAILED)
logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)

async def forgets():
    asyncio.get_running_loop().set_exception_handler(logs.on_forgotten)
    asyncio.get_running_loop().call_soon(decide, SECRET)
    task = asyncio.create_task(asyncio.to_thread(decide, SECRET))
    await asyncio.wait([task])
    del task

asyncio.run(forgets())
decide(SECRET)
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """What a process says of each kind of fault; the last one ends it."""
    script = FAULTS.replace("SECRET", repr(SECRET))
    ended = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_every_fault_is_one_line_under_its_key(lines: list[dict[str, Any]]) -> None:
    assert [line["event"] for line in lines] == [
        log_events.HANDLER_FAILED,
        log_events.ENGINE_FAILED,
        "Exception in ASGI application",
        log_events.TASK_FAILED,
        log_events.TASK_FAILED,
        log_events.PART_ENDED,
    ]
    assert lines[0]["event_id"] == "a1b2"


def test_no_line_says_what_a_fault_says(lines: list[dict[str, Any]]) -> None:
    assert [line for line in lines if "Aino" in json.dumps(line, ensure_ascii=False)] == []


def test_every_line_says_which_fault_it_was_and_where(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert "builtins.ValueError\n" in line["exception"]
        assert " in decide" in line["exception"]


def test_what_led_to_a_fault_stands_before_it_each_once(lines: list[dict[str, Any]]) -> None:
    classes = [row for row in lines[0]["exception"].splitlines() if not row.startswith(" ")]
    assert classes == [f"builtins.{name}" for name in ("ValueError", "KeyError", "OSError", "ExceptionGroup")]
