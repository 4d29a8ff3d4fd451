"""What partners record beside referrals, as the tests tell it, and how it is sent and asked for."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from services.partners.handlers import table
from shared.contracts.data import Data
from shared.contracts.envelope import Event
from shared.contracts.record_events import Doer, ImprovementAgreed, ImprovementDone, TrainedUnit, TrainingHeld
from shared.engine.model import Decision, Rejected, Waits
from tests.unit.country import Country, Sent
from tests.unit.doors import OPISTO, REGION, key

START = datetime(2025, 9, 2, 8, 0, tzinfo=UTC)
HANDLERS = table().handlers
PRACTICE: dict[str, Any] = {
    "practice_id": "choir",
    "name": {"fi": "Kuoro kotona"},
    "what": {"fi": "Lauletaan yhdessä."},
    "for_whom": {"fi": "Yksin asuville"},
    "described_at": "https://www.example.fi/kuoro",
    "themes": ["singing"],
    "municipalities": ["837"],
    "figures": [{"measure": "completed", "theme": "singing"}],
}
GOAL: dict[str, Any] = {
    "goal_id": "hyte-4",
    "goal": {"fi": "Yksinäisyys vähenee"},
    "starts": "2026-01-01",
    "ends": "2029-12-31",
    "described_at": "https://www.example.fi/hyte",
    "figure": {"measure": "friends_change", "theme": "singing"},
    "target": 1.5,
}
TRAINING: dict[str, Any] = {
    "training_id": "t-1",
    "name": {"fi": "Lähete tutuksi"},
    "held_on": "2025-05-20",
    "units": [{"partner": REGION, "unit_ref": "unit-17"}],
    "audience": ["social_care"],
    "came": 24,
}


def recorded(data: Data, source: str = REGION, hours: float = 0, id_: str = "") -> Event[Any]:
    """An event so many hours after the start."""
    id_ = id_ or f"{type(data).__name__}-{source.rpartition('/')[2]}-{hours}"
    return Event(id_, source, START + timedelta(hours=hours), data)


def agreed(
    hours: float = 0, *, partners: Iterable[str] = (OPISTO,), due: date = date(2026, 12, 1), about: str = "Puhelin"
) -> Event[Any]:
    roles = tuple(Doer(partner=one, role="culture_coordinator") for one in partners)
    data = ImprovementAgreed(improvement_id="i-1", roles=roles, about={"fi": about}, due=due)
    return recorded(data, REGION, hours)


def done(hours: float = 1, source: str = OPISTO) -> Event[Any]:
    return recorded(ImprovementDone(agreed_by=REGION, improvement_id="i-1"), source, hours)


def trained(hours: float = 0, *units: tuple[str, str], came: int = 24) -> Event[Any]:
    of = units or ((REGION, "unit-17"),)
    data = TrainingHeld(
        training_id="t-1",
        name={"fi": "Lähete tutuksi"},
        held_on=date(2025, 9, 1),
        units=tuple(TrainedUnit(partner=partner, unit_ref=unit) for partner, unit in of),
        audience=("social_care",),
        came=came,
    )
    return recorded(data, OPISTO, hours)


class PlayedRecords:
    """What became of events at one aggregate: the state, what followed, what waits."""

    def __init__(self, events: Iterable[Event], handlers: Mapping[type[Data], Any] = HANDLERS) -> None:
        self.state: Any = None
        self.told: list[Any] = []
        self.rejected: list[str] = []
        self.waiting: list[Event] = []
        self._handlers = handlers
        self._seen: set[tuple[str, str]] = set()
        for one in events:
            self.take(one)

    def take(self, one: Event) -> None:
        """As the engine does: a repetition is known, and what waits is tried again after each that is applied."""
        if (one.source, one.id) in self._seen:
            return
        self._seen.add((one.source, one.id))
        if not self._decided(one):
            return
        progress = True
        while progress:
            early, self.waiting = self.waiting, []
            progress = sum(self._decided(each) for each in early) > 0

    def _decided(self, one: Event) -> bool:
        decided = self._handlers[type(one.data)].decide(self.state, one, one.time, None)
        if isinstance(decided, Waits):
            self.waiting.append(one)
        elif isinstance(decided, Rejected):
            self.rejected.append(decided.why)
        else:
            assert isinstance(decided, Decision)
            self.state = decided.state
            self.told += [follow.data for follow in decided.follow]
        return isinstance(decided, Decision)

    def last_words(self) -> dict[str, Any]:
        """What each partner was told last."""
        return {one.recipient: one for one in self.told}


async def record(one: Country, name: str, data: Mapping[str, Any], source: str = REGION) -> Sent:
    """A partner sends it, and it comes to all who read it."""
    sent = Sent(f"{name}-{uuid4().hex[:8]}", source, name, "", dict(data))
    await one.send(sent)
    return sent


async def asked(one: Country, path: str, who: str = OPISTO, service: str = "partners", **query: str) -> Any:
    """What a service answers, with 200."""
    answer = await one.doors[service].client.get(path, params=query, headers=key(who))
    assert answer.status_code == 200, answer.text
    return answer.json()
