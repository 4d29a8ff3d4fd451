"""What an organisation records of a practice that works: its latest word holds, whole."""

from datetime import datetime

from services.partners.figures import named
from services.partners.practices.model import Practice
from services.partners.texts import by_language
from shared.contracts.envelope import Event
from shared.contracts.record_events import PracticeRecorded
from shared.engine.model import Decision


def recorded(
    state: Practice | None, event: Event[PracticeRecorded], now: datetime, context: object
) -> Decision[Practice]:
    """Keeps the owner's latest word about the practice."""
    if state and (state.time, state.rank) > (event.time, event.rank):
        return Decision(state)
    data = event.data
    return Decision(
        Practice(
            owner=event.source,
            id=data.practice_id,
            time=event.time,
            rank=event.rank,
            name=by_language(data.name),
            what=by_language(data.what),
            for_whom=by_language(data.for_whom),
            described_at=data.described_at,
            themes=data.themes,
            municipalities=data.municipalities,
            figures=tuple(map(named, data.figures)),
            withdrawn=data.withdrawn,
        )
    )
