"""How a run's tests are shared out: what one worker does whole, and what is begun first."""

import socket
import subprocess
import sys

import pytest

from tests.ports import free_base
from tests.unit.containers import REPOSITORY
from tests.workers import LONGEST_FIRST, turn_of, unit_of

ROAD = "tests/integration/test_road.py"


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        (f"{ROAD}::test_it", ROAD),
        (f"{ROAD}::test_it[embedded-referral]", ROAD),
        (f"{ROAD}::test_it[java-referral]", f"{ROAD} on servers"),
        ("tests/contract/test_store.py::test_it[mongodb-pymongo]", "tests/contract/test_store.py on servers"),
        ("tests/integration/test_engine.py::test_it[mongodb-ring1]", "tests/integration/test_engine.py on servers"),
        ("tests/integration/test_engine_kafka.py::test_kafka[sqlite]", "tests/integration/test_engine_kafka.py"),
        ("tests/unit/test_x.py::TestIt::test_it[1]", "tests/unit/test_x.py"),
    ],
)
def test_a_file_and_its_engine_are_one_workers(test: str, unit: str) -> None:
    assert unit_of(test) == unit


def test_the_longest_are_begun_first_and_the_others_last() -> None:
    turns = [
        turn_of(f"{ROAD}::test_it[java]"),
        turn_of(f"{ROAD}::test_it[embedded]"),
        turn_of("tests/unit/test_x.py::test_it"),
    ]
    assert turns == sorted(set(turns))


def test_every_file_that_is_called_long_is_there() -> None:
    files = [unit.removesuffix(" on servers") for unit in LONGEST_FIRST]
    assert [file for file in files if not (REPOSITORY / file).is_file()] == []


def test_a_row_of_ports_is_not_given_to_another_process() -> None:
    """Another is made to draw the same row; it must draw again."""
    base = free_base()
    draws = f"import random; real, drawn = random.randrange, [{base}] * 2; "
    draws += "random.randrange = lambda *row: drawn.pop() if drawn else real(*row)"
    asks = "from tests.ports import free_base; print(len(drawn), free_base(), len(drawn))"
    another = subprocess.run(
        [sys.executable, "-c", f"{draws}; {asks}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    before, context, after = map(int, another.stdout.split())
    assert (before, after) == (2, 0)
    assert context != base
    for port in range(base, base + 5):
        with socket.create_server(("127.0.0.1", port)):
            pass
