"""The audit keeps every look at a referral: who, when, what, on what legal ground, allowed or denied.

The answer goes out only once `audit.events` has acknowledged the look; else 503. A holder who may not look gets 404, as
for an unknown referral: the same words after the same work, so that nobody learns which ids exist.
"""

from collections.abc import Sequence
from typing import Any, Final, NoReturn
from uuid import uuid4

from starlette.requests import Request

from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import AccessRecorded
from shared.contracts.fields import read_referral_id
from shared.http.keys import not_for, role_of
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.kafka.producer import BrokerUnavailable, Record
from shared.metrics import DENIED_LOOKS

NO_GROUND: Final = "none"
REFERRAL_ID: Final = Parameter(
    "referral_id", "The referral's id, in any spelling of a UUID.", example="7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"
)


def referral_asked(request: Request) -> str:
    """The referral's id in the path, from any spelling of a UUID to the one we keep. Raises 404."""
    spelled = request.path_params["referral_id"]
    if (referral_id := read_referral_id(spelled)) is None:
        raise ProblemError(404, f"{spelled[:60]!r} is no referral's id; it is a UUID")
    return referral_id


async def record_look(
    request: Request, who: str, action: str, referral_id: str, ground: str, *, known: bool, allowed: bool
) -> None:
    """Keeps a look at one referral. `known`: this service has the referral. Raises 404 for a denied look, 429, 503."""
    # Ops may see any: an unknown id leaves nothing to keep.
    if known or role_of(who) != "ops":
        await record_access(request, who, action, referral_id, ground, allowed=allowed, about=[referral_id][:known])
    if not allowed:
        raise ProblemError(404, f"{referral_id} is no referral that is applied yet and that {who} may see")


async def deny_look(
    request: Request, who: str, action: str, what: str, *roles: str, about: Sequence[str] = ()
) -> NoReturn:
    """Refuses a look that only these roles may take, and keeps it as a denied one. Raises 403, 429, 503.

    `what` is the asker's own word only if that is surely an id: a code or a name must not get into the audit.
    """
    await record_access(request, who, action, what, NO_GROUND, allowed=False, about=about)
    raise not_for(who, roles)


async def record_access(
    request: Request, who: str, action: str, what: str, ground: str, *, allowed: bool, about: Sequence[str] = ()
) -> None:
    """Writes a look at `what` down, for each of the referrals that it is `about`.

    Raises 503, and 429 after too many denied looks: the metrics count further ones, and the audit keeps no more.
    """
    if not allowed:
        DENIED_LOOKS.labels(request.app.state.table.service, action).inc()
        request.app.state.rates.denied.take(who)
    said: dict[str, Any] = {"who": who, "action": action, "what": what[:80], "ground": ground, "allowed": allowed}
    looks = [AccessRecorded(**said, referral_id=referral_id) for referral_id in about] or [AccessRecorded(**said)]
    try:
        await request.app.state.publisher.publish([_record(request, look) for look in looks], within=5)
    except BrokerUnavailable as error:
        raise ProblemError(503, f"the access cannot be written down: {error}", retry_after=5) from error


def _record(request: Request, look: AccessRecorded) -> Record:
    service = request.app.state.table.service
    event = Event(str(uuid4()), f"/service/{service}", real_now(), look, correlation=look.referral_id)
    body = look.model_dump_json(exclude_none=True).encode()
    return Record(topics.AUDIT, look.subject.encode(), body, kafka_headers(attributes_of(event)))
