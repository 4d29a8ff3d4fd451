"""python -m tests.bench [name …] [--quick] [--json] [--rounds N]: everything, or what is named, in one run.

A table on the terminal, or one object of JSON, and progress on stderr. A run of everything in full also writes
docs/bench.md and docs/bench.svg; `--write` writes them whatever was measured.
"""

import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from tests.bench import (
    activities,
    catchup,
    growth,
    instances,
    intake,
    latency,
    memory,
    needs,
    sizes,
    startup,
    steps,
    stores,
    ways,
)
from tests.bench.effort import Effort
from tests.bench.machine import Moment, described
from tests.bench.picture import picture
from tests.bench.report import Report, as_json, as_page, as_text
from tests.bench.results import Part, Section, say

DOCS: Final = Path(__file__).parents[2] / "docs"
BENCHES: Final[Mapping[str, Callable[[Effort], Section]]] = {
    "ways": ways.measure,
    "latency": latency.measure,
    "steps": steps.measure,
    "size": growth.measure_size,
    "aggregates": growth.measure_aggregates,
    "activities": activities.measure,
    "senders": growth.measure_senders,
    "instances": instances.measure,
    "memory": memory.measure,
    "startup": startup.measure,
    "intake": intake.measure,
    "sizes": sizes.measure,
    "needs": needs.measure,
    "catchup": catchup.measure,
    "stores": stores.measure,
}


def main() -> None:
    """Measures, and says what was found."""
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders go with it
    effort = Effort(rounds=asked.rounds or (1 if asked.quick else 3), quick=asked.quick)
    began = Moment.now()
    with redirect_stdout(sys.stderr):  # what the parts that run here log is no part of the report
        sections = list(_measured(asked.names or list(BENCHES), effort, asked.minutes * 60))
    report = Report(_command(asked), described(began), sections)
    print(as_json(report) if asked.json else as_text(report))
    if asked.write or not (asked.names or asked.quick):
        (DOCS / "bench.md").write_text(as_page(report), encoding="utf-8")
        (DOCS / "bench.svg").write_text(picture(report), encoding="utf-8")


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: to see that it works")
    parser.add_argument("--json", action="store_true", help="one object on stdout, and nothing else")
    parser.add_argument("--rounds", type=int, default=0, help="of what is repeated; 3, quick 1")
    parser.add_argument("--write", action="store_true", help="docs/bench.md and bench.svg, whatever was measured")
    parser.add_argument("--minutes", type=float, default=90, help="after which nothing more is begun; 90")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in BENCHES]:
        parser.error(f"{unknown[0]!r} is none of {', '.join(BENCHES)}")
    return asked


def _measured(names: list[str], effort: Effort, within: float) -> Iterator[Section]:
    began = time.monotonic()
    for name in names:
        passed = time.monotonic() - began
        say(f"{name} ({passed:.0f} s so far)")
        if passed > within:
            yield _missing(name, f"not begun: {passed / 60:.0f} minutes had passed")
            continue
        try:
            yield BENCHES[name](effort)
        except Exception as error:  # noqa: BLE001 - one that fails is said, and costs the others nothing
            yield _missing(name, f"{type(error).__name__}: {error}".splitlines()[0][:300])
    say(f"done in {time.monotonic() - began:.0f} s")


def _missing(name: str, why: str) -> Section:
    say(f"{name}: {why}")
    return Section(name, name.capitalize(), "", [Part(name, missing=why)])


def _command(asked: Namespace) -> str:
    options = ["--quick"] * asked.quick + [f"--rounds {asked.rounds}"] * bool(asked.rounds)
    return " ".join(["python -m tests.bench", *asked.names, *options])


if __name__ == "__main__":
    main()
