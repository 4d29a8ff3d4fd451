"""The letters of a redrive's next step: a look-up for its decision."""

from collections.abc import Sequence
from datetime import datetime

from services.monitor.model import Dead
from services.monitor.redrives import Redrive
from services.monitor.selection import chosen, loaded
from shared.contracts.envelope import Event
from shared.contracts.monitor_events import RedriveStepDue
from shared.store import Store


async def next_letters(
    state: Redrive | None, event: Event[RedriveStepDue], store: Store, now: datetime
) -> Sequence[Dead]:
    """The oldest open letters behind the last that was sent; of those named by their ids the next, open or not."""
    if state is None or state.state != "running":
        return ()
    if state.dl_ids:
        return (await loaded(store, state.dl_ids[state.position :]))[: state.size]
    return await chosen(store, state.selection, limit=state.size, after=state.cursor, newest_first=False)
