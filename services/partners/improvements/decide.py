"""What partners agree to do better: the latest version by time holds, each change is told to all whom it names.

Pure: no clock, no I/O, no logging.
"""

from datetime import datetime
from typing import Final

import msgspec

from services.partners.improvements.model import DoingRole, Improvement, LatestVersion
from services.partners.texts import by_language
from shared.contracts.envelope import Event
from shared.contracts.every_service_events import DeadlinePassed
from shared.contracts.identity import derived_id
from shared.contracts.partners_events import ImprovementTold
from shared.contracts.record_events import Doer, ImprovementAgreed, ImprovementDone
from shared.engine.model import Decision, Follow, Rejected, Waits

MOST_NAMED: Final = 40
"""Partners that all versions of one improvement may name together: each of them hears of each change."""
_changed = msgspec.structs.replace


def agreed(
    state: Improvement | None, event: Event[ImprovementAgreed], now: datetime, context: object
) -> Decision[Improvement] | Rejected:
    """Keeps the latest version; whoever a version ever named hears of it."""
    data = event.data
    state = state or Improvement(event.source, data.improvement_id, synthetic=event.synthetic)
    roles = tuple(DoingRole(one.partner, one.role) for one in data.roles)
    version = LatestVersion(roles, by_language(data.about), data.due, event.time, event.rank)
    named = tuple(sorted({*state.named, *_changed(state, agreed=version).parties}))
    if len(named) > MOST_NAMED:
        return Rejected(
            f"the versions of {data.improvement_id} name {len(named)} partners, {MOST_NAMED} are allowed; agree on"
            " another improvement, under an id of its own"
        )
    known = state.agreed
    latest = known if known and (known.time, known.rank) > (version.time, version.rank) else version
    return _told(_changed(state, agreed=latest, named=named))


def done(
    state: Improvement | None, event: Event[ImprovementDone], now: datetime, context: object
) -> Decision[Improvement] | Waits:
    """It is done, by the word of a partner whom a version names; the same where there is no such improvement."""
    if state is None or event.source not in state.named:
        return Waits("an ImprovementAgreed that names the sender")
    said = (event.time, event.rank)
    return _told(_changed(state, done=max(said, state.done or said)))


def deadline_passed(
    state: Improvement | None, event: Event[DeadlinePassed], now: datetime, context: object
) -> Decision[Improvement]:
    """Reminds its partners once before its day, and once when the day is over; not once it is done or has another day."""
    if state is None or state.agreed is None or state.is_done:
        return Decision(state)
    agreed, due = state.agreed, state.agreed.due
    if event.data.due_at == agreed.over_at and state.overdue_for != due:
        late = _changed(state, soon_for=due, overdue_for=due)
        return Decision(late, [_news(late, one, "overdue") for one in late.parties])
    if event.data.due_at == agreed.soon_at and due not in {state.soon_for, state.overdue_for}:
        reminded = _changed(state, soon_for=due)
        return Decision(reminded, [_news(reminded, one, "due_soon") for one in reminded.parties])
    return Decision(state)


def _told(state: Improvement) -> Decision[Improvement]:
    """Tells each of its partners how it stands, unless that is what the partner heard last."""
    assert state.agreed is not None
    content = msgspec.json.encode((state.agreed.roles, sorted(state.agreed.about.items()), state.agreed.due))
    word, news = derived_id(content.decode(), str(state.is_done)), "done" if state.is_done else "agreed"
    follow = [_news(state, one, news) for one in state.named if state.told.get(one) != word]
    return Decision(_changed(state, told=dict.fromkeys(state.named, word)), follow)


def _news(state: Improvement, recipient: str, news: str) -> Follow:
    assert state.agreed is not None
    told = ImprovementTold(
        recipient=recipient,
        news=news,  # type: ignore[arg-type]
        agreed_by=state.agreed_by,
        improvement_id=state.id,
        roles=tuple(Doer(partner=one.partner, role=one.role) for one in state.agreed.roles),  # type: ignore[arg-type]
        about=dict(state.agreed.about),  # type: ignore[arg-type]
        due=state.agreed.due,
    )
    return Follow(told, f"{recipient} {news}")
