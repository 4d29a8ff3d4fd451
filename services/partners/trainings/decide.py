"""What an organiser records of a training: its latest word holds, whole."""

from datetime import datetime

from services.partners.texts import by_language
from services.partners.trainings.model import TrainedAt, Training
from shared.contracts.envelope import Event
from shared.contracts.record_events import TrainingHeld
from shared.engine.model import Decision


def held(state: Training | None, event: Event[TrainingHeld], now: datetime, context: object) -> Decision[Training]:
    """Keeps the organiser's latest word about the training."""
    if state and (state.time, state.rank) > (event.time, event.rank):
        return Decision(state)
    data = event.data
    return Decision(
        Training(
            organiser=event.source,
            id=data.training_id,
            time=event.time,
            rank=event.rank,
            name=by_language(data.name),
            held_on=data.held_on,
            units=tuple(TrainedAt(one.partner, one.unit_ref) for one in data.units),
            audience=data.audience,
            came=data.came,
        )
    )
