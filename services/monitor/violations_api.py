"""What a sender did wrong, by class and field, and a text about it to copy in three languages."""

import asyncio
from datetime import datetime
from typing import Annotated, Final, TypedDict

import msgspec
from msgspec import Meta
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.monitor.responses import DeadLetterId
from services.monitor.selection import Selection, chosen
from services.monitor.violation_reports import ReportedSender, again_from
from services.monitor.violation_texts import text_about
from services.monitor.violations import (
    MOST_EXAMPLES,
    OURS,
    OtherFaults,
    SeenFault,
    Violation,
    ViolationsFound,
    violations_of,
)
from shared.contracts.envelope import written
from shared.contracts.fields import Partner
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.engine.model import Document
from shared.http.keys import role_of, who_asks
from shared.http.operations import Operation
from shared.http.parameters import Parameter
from shared.http.problems import ProblemError
from shared.http.shapes import Count, EventId, Time
from shared.store import Store

_PARTNER: Final = TypeAdapter(Partner)
_REPORTED: Final = msgspec.json.Decoder(Document[ReportedSender])
SENDER: Final = (
    Parameter("kind", "The kind of partner.", example="region"),
    Parameter("id", "A region's code or an opisto's id.", example="06"),
)
_MOST_FAULTS: Final = 40
"""Of one sender: one that makes thousands of different faults costs no more than these."""
_MOST_COUNTED: Final = 100_000


class ExampleShown(TypedDict):
    """One of the dead letters."""

    dl_id: DeadLetterId
    event_id: Annotated[EventId | None, Meta(description="The event's id; null where it has none that is valid.")]


class ViolationShown(TypedDict):
    """One field of one class, refused for one reason."""

    type: Annotated[
        str | None, Meta(description="The class; null for one that nobody knows.", examples=["ReferralIssued"])
    ]
    reason: Annotated[str, Meta(description="Why, by class.", examples=["invalid"])]
    pointer: Annotated[
        str | None,
        Meta(
            description="The field, a JSON Pointer as deep as the contract knows it; null where none is named.",
            examples=["/data/municipality"],
        ),
    ]
    wanted: Annotated[
        str | None,
        Meta(
            description="What the field is, by the contract's schema.",
            examples=["Where the client lives: Statistics Finland's code of the municipality."],
        ),
    ]
    rule: Annotated[
        str | None,
        Meta(
            description="What its value must be: JSON Schema, in one line.",
            examples=['{"pattern":"^[0-9]{3}$","type":"string"}'],
        ),
    ]
    error: Annotated[
        str,
        Meta(
            description="Why the newest of them could not be taken, with `…` for each id and value.",
            examples=["/data/municipality: no municipality has the code …"],
        ),
    ]
    count: Annotated[Count, Meta(description="How many dead letters there are of it.")]
    first: Annotated[Time, Meta(description="When the first of these came.")]
    last: Annotated[Time, Meta(description="When the last of these came.")]
    examples: Annotated[list[ExampleShown], Meta(description=f"The newest, {MOST_EXAMPLES} at most.")]


class OtherViolations(TypedDict):
    """What is not shown field by field."""

    faults: Annotated[Count, Meta(description="How many further faults there are.")]
    count: Annotated[Count, Meta(description="How many dead letters there are of these.")]


class TextsShown(TypedDict):
    """One text in three languages: which class and field, what the contract wants, how often, what to do."""

    fi: Annotated[str, Meta(description="In Finnish.", examples=["Kulttuurilähete on ottanut vastaan kaiken."])]
    sv: Annotated[str, Meta(description="In Swedish.", examples=["Kulttuurilähete har tagit emot allt."])]
    en: Annotated[str, Meta(description="In English.", examples=["Kulttuurilähete has taken all."])]


class ViolationsOfSender(TypedDict):
    """What one sender did wrong, of the dead letters that are kept."""

    sender: Annotated[str, Meta(description="The sender.", examples=["/region/06"])]
    violations: Annotated[list[ViolationShown], Meta(description="Those with the most dead letters first.")]
    others: Annotated[OtherViolations, Meta(description="What is counted and not shown.")]
    complete: Annotated[
        bool,
        Meta(description=f"False: there are more dead letters than the newest {_MOST_COUNTED:,} that are counted."),
    ]
    reported_at: Annotated[Time | None, Meta(description="When its feed was last told of them; null: it never was.")]
    report_again_at: Annotated[Time | None, Meta(description="From when on it can be told again; null: now.")]
    texts: Annotated[TextsShown, Meta(description="A text about them, to be copied.")]


async def violations(request: Request) -> Response:
    """What one sender did wrong, by class, reason and field, since when and how often; nothing of what it sent.

    For ops, readers, and the sender itself; 404 for what can be no sender.
    """
    who = who_asks(request)
    sender = sender_of(request)
    if role_of(who) not in {"ops", "reader"} and who != sender:
        raise ProblemError(403, f"{who} may see what it did wrong itself, not what {sender[:80]} did")
    if not is_a_partner(sender):
        raise ProblemError(404, f"{sender[:80]} can be no sender; one is /region/06, /opisto/tampere or the like")
    state = request.app.state
    found, now = await violations_found(state.store, sender), state.clock.now()
    told_at = await reported_at(state.store, sender)
    return JSONResponse(
        ViolationsOfSender(
            sender=sender,
            violations=[_shown(one) for one in found.violations],
            others={"faults": found.others.faults, "count": found.others.letters},
            complete=found.complete,
            reported_at=written(told_at) if told_at else None,
            report_again_at=written(again) if told_at and (again := again_from(told_at)) > now else None,
            texts=texts_about(sender, found, now),
        )
    )


def sender_of(request: Request) -> str:
    """The sender that the address names."""
    return f"/{request.path_params['kind']}/{request.path_params['id']}"


def is_a_partner(sender: str) -> bool:
    """Whether the contracts know it as a sender that is no service."""
    if sender.startswith("/service/"):
        return False
    try:
        _PARTNER.validate_python(sender)
    except ValidationError:
        return False
    return True


async def reported_at(store: Store, sender: str) -> datetime | None:
    """When the sender was last told what it did wrong; None: it never was."""
    rows = await store.load("violation_reports", [sender])
    state = _REPORTED.decode(rows[sender].body).state if sender in rows else None
    return state.at if state else None


def texts_about(sender: str, found: ViolationsFound, now: datetime) -> TextsShown:
    """The text in each language."""
    fi, sv, en = (text_about(sender, found, now, language) for language in ("fi", "sv", "en"))
    return {"fi": fi, "sv": sv, "en": en}


async def violations_found(store: Store, sender: str) -> ViolationsFound:
    """Raises `StoreUnavailable`."""
    counts = await _faults(store, sender=sender)
    ours = await _faults(store, sender=sender, reason=OURS)
    theirs = ((count, fault) for fault, count in counts.items() if fault and fault not in ours)
    ranked = sorted(theirs, key=lambda one: (-one[0], one[1]))
    seen = await asyncio.gather(*(_seen(store, sender, fault, count) for count, fault in ranked[:_MOST_FAULTS]))
    others = ranked[_MOST_FAULTS:]
    further = OtherFaults(len(others), sum(count for count, _ in others))
    return ViolationsFound(
        violations_of(one for one in seen if one), further, complete=sum(counts.values()) < _MOST_COUNTED
    )


async def _faults(store: Store, **equal: str) -> dict[str | None, int]:
    return await store.tally("dead_letters", "fault", "at", equal=equal, most=_MOST_COUNTED)


async def _seen(store: Store, sender: str, fault: str, count: int) -> SeenFault | None:
    meant = Selection(sender=sender, group=fault)
    newest = await chosen(store, meant, limit=MOST_EXAMPLES)
    oldest = await chosen(store, meant, limit=1, newest_first=False)
    return SeenFault(count, oldest[0], newest) if newest and oldest else None  # none where its last has just gone


def _shown(one: Violation) -> ViolationShown:
    return {
        "type": one.name or None,
        "reason": one.reason,
        "pointer": one.field.pointer or None,
        "wanted": one.field.wanted or None,
        "rule": one.field.rule or None,
        "error": one.error,
        "count": one.letters,
        "first": written(one.first),
        "last": written(one.last),
        "examples": [{"dl_id": each.dl_id, "event_id": each.event_id or None} for each in one.examples],
    }


OPERATION: Final = Operation(
    "GET",
    "/v1/senders/{kind}/{id}/violations",
    violations,
    {200: ViolationsOfSender},
    (*PARTNER_KINDS, "ops", "reader"),
    SENDER,
    also=(404,),
)
