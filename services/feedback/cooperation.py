"""What partners say of what they do together: a group, a training, their pair, their agreement. Pure.

Only a party answers. Of a pair or an agreement the id names both; of a training TrainingHeld does: who held it, and the
organisations of its units; of a group GroupPlaced, by which the referral service tells each of the two. The latest answers of one partner to one instrument hold.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from services.feedback.model import CooperationFigures, PartnerAnswers, ReferralFeedback, SaidTogether
from shared.contracts.envelope import Event
from shared.contracts.group_told_events import GroupPlaced
from shared.contracts.participant_events import About, FeedbackSubmitted
from shared.contracts.record_events import TrainingHeld
from shared.engine.model import Decision, Rejected, Waits

MOST_PARTIES: Final = 200
"""Parties of one training or group, over all that was said of it; of more the first by name."""
_changed = msgspec.structs.replace


def training_held(
    state: ReferralFeedback | None, event: Event[TrainingHeld], now: datetime, context: object
) -> Decision[ReferralFeedback]:
    """Whom any version of a training names may answer of it."""
    about = About(kind="training", id=f"{event.source} {event.data.training_id}")
    return _with_parties(state, event, about, [event.source, *(one.partner for one in event.data.units)])


def group_placed(
    state: ReferralFeedback | None, event: Event[GroupPlaced], now: datetime, context: object
) -> Decision[ReferralFeedback]:
    """Who is told that places are held for a group, its unit's organisation and the organiser, may answer of it."""
    return _with_parties(state, event, About(kind="group", id=event.data.group_id), [event.data.recipient])


def _with_parties(
    state: ReferralFeedback | None, event: Event, about: About, parties: Iterable[str]
) -> Decision[ReferralFeedback]:
    state = state or ReferralFeedback(f"{about.kind} {about.id}", synthetic=event.synthetic)
    known = state.cooperation or SaidTogether(about.kind)
    all_ = sorted({*known.parties, *parties})
    return Decision(_changed(state, cooperation=_changed(known, parties=tuple(all_[:MOST_PARTIES]))))


def submitted(
    state: ReferralFeedback | None, event: Event[FeedbackSubmitted], now: datetime, context: object
) -> Decision[ReferralFeedback] | Waits | Rejected:
    """Keeps a party's answers. A stranger to a training or a group waits, the same whether there is such a thing or not."""
    about = event.data.about
    if about.parties and event.source not in about.parties:
        return Rejected(
            f"{event.source} is no party to the {about.kind} {about.id}; {' and '.join(about.parties)} answer"
        )
    state = state or _begun(event, about)
    if state is None or state.cooperation is None or event.source not in state.cooperation.parties:
        return Waits(f"a {about.kind} that names the sender")
    data = event.data
    said = PartnerAnswers(event.source, data.instrument, dict(data.answers), event.time, event.rank)
    answers = _latest(state.cooperation.answers, said)
    return Decision(_changed(state, cooperation=_changed(state.cooperation, answers=answers)))


def figures_of_cooperation(one: SaidTogether) -> CooperationFigures:
    """The answers as the report sees them."""
    answers = tuple((said.source, said.instrument, said.answers) for said in one.answers)
    return CooperationFigures(one.kind, one.parties, answers)


def _begun(event: Event[FeedbackSubmitted], about: About) -> ReferralFeedback | None:
    if not about.parties:
        return None
    parties = SaidTogether(about.kind, tuple(sorted(about.parties)))
    return ReferralFeedback(event.data.subject, synthetic=event.synthetic, cooperation=parties)


def _latest(known: tuple[PartnerAnswers, ...], new: PartnerAnswers) -> tuple[PartnerAnswers, ...]:
    by_slot = {one.slot: one for one in known}
    by_slot[new.slot] = max(by_slot.get(new.slot, new), new, key=lambda one: (one.time, one.rank))
    return tuple(by_slot[slot] for slot in sorted(by_slot))
