"""python -m tests.bench.profile [engine|bare] [--pair embedded|kafka|mongodb]: where the engine's time goes, by py-spy.

py-spy samples the process from outside, in an environment of its own. It leaves a flame graph and the stacks in
`.lahete-bench/`, and prints which functions took most: with all that they call, and alone.
"""

import asyncio
import os
import subprocess
import tempfile
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.backends import broker_with, drop_store
from tests.bench.pairs import EMBEDDED, KAFKA, MONGO, TOPICS, Pair
from tests.bench.peers.environment import ROOT, NotInstalled, python_of
from tests.bench.runs import command, fill, new_referrals

PLACE: Final = ROOT / ".lahete-bench"
_GROUNDS: Final = {"embedded": EMBEDDED, "kafka": KAFKA, "mongodb": MONGO}
_A_SECOND: Final = 250
_SHOWN: Final = 40
_WITHIN: Final = 300


def main() -> None:
    """Two runs, one for the picture and one for the stacks: py-spy writes one of both."""
    asked = _asked()
    pair = _GROUNDS[asked.pair]
    if pair.missing:
        raise SystemExit(f"profile: {pair.missing}")
    PLACE.mkdir(exist_ok=True)
    files = {kind: PLACE / f"{asked.way}-{asked.pair}.{end}" for kind, end in (("flamegraph", "svg"), ("raw", "txt"))}
    for kind, file in files.items():
        _record(pair, asked.way, asked.events, kind, file)
    print(table(files["raw"].read_text(encoding="utf-8").splitlines()))
    print(f"flame graph: {files['flamegraph']}")


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.bench.profile")
    parser.add_argument("way", nargs="?", default="engine", choices=("engine", "bare", "framework"))
    parser.add_argument("--pair", default="embedded", choices=tuple(_GROUNDS))
    parser.add_argument("--events", type=int, default=40_000)
    return parser.parse_args()


def _record(pair: Pair, way: str, events: int, kind: str, file: Path) -> None:
    try:
        spy = python_of("profile").with_name("py-spy")
    except NotInstalled as error:
        raise SystemExit(f"profile: py-spy cannot be installed: {error}") from error
    options = ["record", "--format", kind, "--rate", str(_A_SECOND), "--output", str(file), "--"]
    with tempfile.TemporaryDirectory(prefix="lahete-bench-") as place:
        folder = Path(place)
        with broker_with(pair.broker, folder / "broker", TOPICS) as cluster:
            asyncio.run(fill(cluster, new_referrals(events)))
            ended = subprocess.run(
                [str(spy), *options, *command(pair, way, cluster, folder, events)],
                env={**os.environ, **pair.environment},
                capture_output=True,
                text=True,
                timeout=_WITHIN,
                check=False,
            )
            drop_store(pair.store, folder)
    if ended.returncode or not file.exists():
        raise SystemExit(f"profile: py-spy ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")


def table(stacks: Iterable[str]) -> str:
    """Of stacks as py-spy writes them, `frame;frame;frame count`: each function's share with what it calls, and alone.

    Without what starting costs: the stacks that import.
    """
    whole, alone, samples = Counter[str](), Counter[str](), 0
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        if "importlib._bootstrap" in frames:
            continue
        names = [frame.rpartition(":")[0] or frame for frame in frames.split(";")]
        samples += int(count)
        alone[names[-1]] += int(count)
        for name in set(names):
            whole[name] += int(count)
    rows = [f"{samples} samples: with all it calls, alone"]
    rows += [
        f"{count / samples:6.1%} {alone[name] / samples:6.1%}  {name}" for name, count in whole.most_common(_SHOWN)
    ]
    rows.append("most alone")
    rows += [f"{count / samples:6.1%}  {name}" for name, count in alone.most_common(_SHOWN // 2)]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
