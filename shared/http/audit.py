"""Every look at a referral is kept: who, when, what, on what ground, allowed or denied.

It is answered only once that is acknowledged on `audit.events`; without, 503.
"""

from uuid import uuid4

from starlette.requests import Request

from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.from_services import AccessRecorded
from shared.engine.publish import BrokerUnavailable, Record
from shared.http.problems import ProblemError


async def record_access(
    request: Request, who: str, action: str, what: str, ground: str, *, allowed: bool, about_referral: bool = True
) -> None:
    """Writes the access down. `what` is the referral's id, or what else was looked at.

    Raises 503, and 429 where one looks too often at what it may not see.
    """
    state = request.app.state
    if not allowed:
        state.rates.denied.take(who)
    service = state.table.service
    data = AccessRecorded(
        who=who,
        action=action,  # type: ignore[arg-type]
        what=what[:80],
        ground=ground,
        allowed=allowed,
        referral_id=what if about_referral else None,
    )
    event = Event(str(uuid4()), f"/service/{service}", real_now(), data, correlation=data.referral_id)
    record = Record(
        topics.AUDIT,
        data.subject.encode(),
        data.model_dump_json(exclude_none=True).encode(),
        kafka_headers(attributes_of(event)),
    )
    try:
        await state.publisher.publish([record], within=5)
    except BrokerUnavailable as error:
        raise ProblemError(503, f"the access cannot be written down: {error}", retry_after=5) from error
