"""Who may import whom, and who may touch what: docs/architecture.md's rules, read from the source."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in (REPOSITORY / "services").glob("*/__main__.py"))
HOUSES = ("shared", "services", "edges", "deploy", "demo", "cli")
ABOVE = {
    "shared/reference": "",
    "shared/contracts": "shared.reference",
    "shared/store": "shared.private shared.log_events",
    "shared/kafka": "shared.contracts shared.metrics shared.log_events",
    "shared/engine": "shared.contracts shared.store shared.kafka shared.metrics shared.log_events shared.clock",
    "shared/http": "shared.contracts shared.store shared.kafka shared.engine shared.metrics shared.clock shared.private",
    "shared/process": "shared",
    "edges": "shared.contracts shared.reference",
    "deploy/embedded_broker": "shared.private",
    "deploy": "shared",
    "demo": "shared services edges deploy",
    "cli": "shared services edges deploy demo",
}
"""What each room may import beside itself. docs/architecture.md draws it."""

IMPURE = frozenset(
    [
        "asyncio",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    ]
)
"""What of the standard library has a clock, I/O or chance in it."""
IMPURE_CALLS = frozenset({"now", "utcnow", "today", "open", "print", "input"})
PURE_OF_SHARED = ("shared.contracts", "shared.reference", "shared.engine.model")
"""`shared.engine.model` is the words in which a decision answers."""


def modules(under: str) -> list[Path]:
    found = sorted((REPOSITORY / under).rglob("*.py"))
    assert found, f"nothing stands under {under}"
    return found


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that it imports, at any depth of the code; `from a import b` is a.b where that is a module."""
    names = set[str]()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module
            names |= {_deepest(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            names.add("importlib")
    return frozenset(names)


def _deepest(module: str, name: str) -> str:
    below = REPOSITORY / Path(*module.split("."), name)
    return f"{module}.{name}" if below.is_dir() or below.with_suffix(".py").is_file() else module


def is_in(module: str, houses: tuple[str, ...]) -> bool:
    return any(module == house or module.startswith(f"{house}.") for house in houses)


def offences(under: str, forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name_of(path)} imports {name}"
        for path in modules(under)
        for name in sorted(imported(path))
        if is_in(name, forbidden) and not is_in(name, allowed)
    ]


def test_there_are_the_every_service() -> None:
    assert SERVICES == ["catalogue", "feedback", "monitor", "notify", "partners", "referral"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_shared_and_itself_and_no_other_service(service: str) -> None:
    assert offences(f"services/{service}", HOUSES, ("shared", f"services.{service}")) == []


@pytest.mark.parametrize("room", ABOVE)
def test_each_room_imports_what_lies_below_it(room: str) -> None:
    assert offences(room, HOUSES, (room.replace("/", "."), *ABOVE[room].split())) == []


def test_a_room_imports_only_what_stands_above_it_in_the_table() -> None:
    """So no two rooms need each other: the table is read from the bottom of the house to its top."""
    rooms = [room.replace("/", ".") for room in ABOVE]
    upward = [
        f"{room} names {below}"
        for at, room in enumerate(rooms)
        for below in ABOVE[room.replace(".", "/")].split()
        if any(is_in(later, (below,)) for later in rooms[at + 1 :])
    ]
    assert upward == []


def test_a_verb_imports_the_services_when_it_is_called() -> None:
    """At the start of `lahete` they would take longer than most verbs do."""
    at_its_start = {
        name_of(path)
        for path in modules("cli")
        for node in tree(path).body
        if isinstance(node, ast.ImportFrom) and node.module in {"cli.services", "cli.openapi"}
    }
    assert at_its_start == {"cli.openapi"}


def test_every_room_has_its_line() -> None:
    rooms = {str(path.parent.relative_to(REPOSITORY)) for path in everything() if path.parent.name != "__pycache__"}
    rooms -= {room for room in rooms if room.startswith("services")}
    assert {room for room in rooms if not _has_a_line(room)} == {"shared"}


def _has_a_line(room: str) -> bool:
    return any(room == known or room.startswith(f"{known}/") for known in ABOVE)


# --- decisions are pure


def what_decides() -> Iterator[tuple[str, Path]]:
    """Every decide.py and, since its purity is worth no more than theirs, each sibling it stands on."""
    for service in SERVICES:
        waiting = [name_of(path) for path in modules(f"services/{service}") if path.name == "decide.py"]
        done = set[str]()
        while waiting:
            name = waiting.pop()
            if name in done:
                continue
            done.add(name)
            path = REPOSITORY / Path(*name.split(".")).with_suffix(".py")
            if not path.is_file():
                continue
            yield name, path
            siblings = {one for one in imported(path) if one.startswith(f"services.{service}.")}
            waiting += sorted(siblings)  # the same order in every process: workers must collect the same


DECIDING = list(what_decides())


def may_stand_in_a_decision(service: str, module: str) -> bool:
    top = module.partition(".")[0]
    return (
        (top in sys.stdlib_module_names and top not in IMPURE)
        or top == "msgspec"
        or module.startswith(f"services.{service}.")
        or is_in(module, PURE_OF_SHARED)
    )


@pytest.mark.parametrize(("name", "path"), DECIDING, ids=[name for name, _ in DECIDING])
def test_a_decision_imports_models_contracts_and_the_pure_part_of_the_standard_library(name: str, path: Path) -> None:
    service = name.split(".")[1]
    assert [one for one in sorted(imported(path)) if not may_stand_in_a_decision(service, one)] == []


TRANSLATING = [(name_of(path), path) for path in modules("edges")]
PURE = DECIDING + TRANSLATING


@pytest.mark.parametrize(("name", "path"), TRANSLATING, ids=[name for name, _ in TRANSLATING])
def test_a_translation_of_others_formats_imports_nothing_that_has_a_clock_or_io(name: str, path: Path) -> None:
    assert [one for one in sorted(imported(path)) if one.partition(".")[0] in IMPURE and one != "urllib.parse"] == []


@pytest.mark.parametrize(("name", "path"), PURE, ids=[name for name, _ in PURE])
def test_what_is_pure_asks_no_clock_and_reads_and_writes_nothing(name: str, path: Path) -> None:
    called = [
        f"{name}:{node.lineno} calls {_called(node)}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _called(node) in IMPURE_CALLS
    ]
    assert called == []
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global) for node in ast.walk(tree(path)))


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


# --- one place for each thing that bites


def everything() -> list[Path]:
    return [path for house in HOUSES for path in modules(house)]


def test_only_the_store_knows_a_database() -> None:
    knowing = {
        name_of(path)
        for path in everything()
        if any(is_in(name, ("sqlite3", "motor", "pymongo", "aiosqlite")) for name in imported(path))
    }
    assert knowing == {"shared.store.sqlite", "shared.store.mongo"}


def test_one_module_knows_mongodbs_drivers() -> None:
    """Motor ends in May 2027 (docs/decisions/0005): what it takes to leave it must stay a matter of this one file."""
    knowing = {
        name_of(path)
        for path in everything()
        if any(is_in(name, ("motor", "pymongo", "bson", "gridfs")) for name in imported(path))
    }
    assert knowing == {"shared.store.mongo"}


MOVES_OFFSETS = frozenset(
    {"commit", "seek", "seek_to_beginning", "seek_to_end", "seek_to_committed", "getone", "getmany"}
)


def test_only_the_engine_reads_records_and_moves_offsets() -> None:
    """Looking at offsets is free to all; who imports a Kafka client outside the engine must not do more."""
    for path in everything():
        if is_in(name_of(path), ("shared.engine", "shared.kafka")):
            continue
        if not any(is_in(name, ("aiokafka", "faststream", "confluent_kafka")) for name in imported(path)):
            continue
        moves = [_called(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        assert [name for name in moves if name in MOVES_OFFSETS] == [], name_of(path)


def test_in_the_engine_only_the_loop_moves_the_groups_offsets() -> None:
    for path in modules("shared/engine") + modules("shared/kafka"):
        # reading.py seeks back for the loop; lag.py seeks with a consumer that never joins the group.
        if path.name in {"loop.py", "reading.py", "lag.py"}:
            continue
        called = {_called(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
        assert called & MOVES_OFFSETS == set(), path.name
    for name in ("lag.py", "reading.py"):
        calls = [node for node in ast.walk(tree(REPOSITORY / "shared/kafka" / name)) if isinstance(node, ast.Call)]
        assert not {"commit", "subscribe"} & {_called(node) for node in calls}, name


def test_only_the_engine_and_what_speaks_to_kafka_have_a_consumer() -> None:
    having = {
        name_of(path)
        for path in everything()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _called(node) == "AIOKafkaConsumer"
    }
    assert {name for name in having if not is_in(name, ("shared.engine", "shared.kafka"))} == set()


def test_every_loop_reads_from_the_earliest_record_and_sees_new_topics_within_seconds() -> None:
    """With the defaults a new sender's first events vanish."""
    source = (REPOSITORY / "shared/kafka/subscription.py").read_text()
    options = {
        keyword.arg: ast.literal_eval(keyword.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in {"auto_offset_reset", "metadata_max_age_ms"}
    }
    assert options["auto_offset_reset"] == "earliest"
    assert options["metadata_max_age_ms"] <= 5_000


def test_a_public_class_has_a_name_of_its_own() -> None:
    """So a name says which class is meant, wherever it stands, in the tests too."""
    places: dict[str, list[str]] = {}
    for path in (*everything(), *modules("tests")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
