"""The soak in small, on the embedded backends: a load, a service killed with -9 in the middle, and the oracle.

How we know: the oracle asks Kafka and the doors; the picture must be an SVG that says in words what it shows.
"""

from itertools import islice
from pathlib import Path
from random import Random
from xml.etree import ElementTree

from deploy.backends import Backend
from shared.log_events import START_TIMED_OUT
from tests.scenarios.drawing import drawing
from tests.scenarios.faults import CHAOS, plan
from tests.scenarios.soak import soak, stood_still

SVG = "{http://www.w3.org/2000/svg}"


def test_a_small_load_with_a_kill_leaves_the_oracle_content_and_a_picture(tmp_path: Path) -> None:
    soaked = soak(tmp_path / "run", 5, 3, Backend.EMBEDDED, 10, lambda _: None)
    assert soaked.faults == []
    assert soaked.injected != []
    assert soaked.sent >= 30
    assert {letter.letter["reason"] for letter in soaked.observation.dead} != set()
    picture = ElementTree.fromstring(drawing("A <soak>", soaked.line, soaked.samples, soaked.injected))  # noqa: S314 - ours
    title, description = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "A <soak>"
    assert description is not None
    assert "kill -9" in str(description.text)
    named = {text.text for text in picture.iter(f"{SVG}text")}
    assert {"Memory of each service, MB resident", "Disk of the folder, MB", "a kill, stop or freeze"} <= named
    assert len(list(picture.iter(f"{SVG}polyline"))) == len(soaked.samples[0].memory_mb) + 1


def test_a_seed_plans_the_same_faults_again_and_each_kind_comes_in_its_turn() -> None:
    for lane in (lane for lanes in CHAOS.values() for lane in lanes):
        rounds = len(lane.deck) * 3
        first, again, other = (list(islice(plan(lane, ["a", "b"], Random(seed)), rounds)) for seed in (5, 5, 6))
        assert first == again != other
        assert [
            sorted(one.kind for one in first[start:][: len(lane.deck)]) for start in range(0, rounds, len(lane.deck))
        ] == [sorted(lane.deck)] * 3


def test_a_start_that_stood_still_is_an_objection_though_the_platform_mends_it(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "notify.log").write_text(
        f'{{"event": "dependency_awaited"}}\n{{"event": "{START_TIMED_OUT}", "at": "look"}}\n'
    )
    (tmp_path / "logs" / "referral.log").write_text('{"event": "dependency_awaited"}\n')
    (objection,) = stood_still(tmp_path)
    assert objection.startswith("notify.log: ")
    assert '"at": "look"' in objection
