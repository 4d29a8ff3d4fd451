"""What partners say of their cooperation beside the referrals: who of one answers to whom of another."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from shared.contracts.data import Data
from shared.contracts.event_class import event_class
from shared.contracts.fields import Partner, RoleTitle, UnitRef
from shared.contracts.instants import Day
from shared.contracts.partner_kinds import PARTNER_KINDS

RoleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["choir-contact"])]
RoleKind = Annotated[Literal["pair", "hyte_seat", "kaikukortti_contact"], Field(title="RoleKind")]
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pair": ("counterpart", "unit_ref"),
    "hyte_seat": ("counterpart", "host"),
    "kaikukortti_contact": (),
}
"""Which of `counterpart`, `unit_ref` and `host` a role of each kind has: these, and no other."""
ROLE_KINDS: Final = tuple(_NEEDS)


def _kinds_need() -> list[JsonDict]:
    return [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"properties": {name: {} for name in names}, "required": [*names]},
        }
        for kind, names in _NEEDS.items()
        if names
    ]


@event_class("partners", *PARTNER_KINDS, outcome="roles")
class RoleNamed(Data):
    """A role at the sender, never a person: whole each time, the latest `time` holds."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [*_kinds_need()],
            "examples": [
                {
                    "role_id": "choir-contact",
                    "kind": "pair",
                    "title": "culture_coordinator",
                    "counterpart": "/region/06",
                    "unit_ref": "unit-17",
                    "host": None,
                    "recognised_only": False,
                    "begins_on": "2026-09-01",
                    "ends_on": "2027-08-31",
                }
            ],
        }
    )

    role_id: RoleId
    """The role, by the sender's own id."""
    kind: RoleKind
    """What the role is for: `pair`, who answers for each other at a region's unit and at an organiser; `hyte_seat`, a seat of
    an organiser in a region's or municipality's wellbeing group; `kaikukortti_contact`, who answers for the Kaikukortti card."""
    title: RoleTitle
    """Which role of the sender's it is."""
    counterpart: Partner | None = None
    """The other side of a pair or of a seat; no other kind has one."""
    unit_ref: UnitRef | None = None
    """The region's unit that a pair is for, whichever side says so; no other kind has one."""
    host: Annotated[Partner, Field(examples=["/region/06"])] | None = None
    """The region or municipality whose wellbeing group a seat is in, the sender or the counterpart; no other kind has one."""
    recognised_only: bool = False
    """Of a seat, and from its host alone: the group has no such seat, but the role is recognised."""
    begins_on: Day
    """The first day of the role, in Finland."""
    ends_on: Annotated[Day, Field(examples=["2027-08-31"])] | None = None
    """The last day of the role, in Finland; left out: until RoleEnded."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needed = _NEEDS[self.kind]
        for name in ("counterpart", "unit_ref", "host"):
            if (getattr(self, name) is None) == (name in needed):
                raise ValueError(f"a {self.kind} {'needs a' if name in needed else 'has no'} {name}")
        if self.recognised_only and self.kind != "hyte_seat":
            raise ValueError(f"a {self.kind} is never recognised_only; a hyte_seat may be")
        if self.ends_on and self.ends_on < self.begins_on:
            raise ValueError(f"ends_on {self.ends_on} is before begins_on {self.begins_on}")
        return self

    @property
    def subject(self) -> str:
        return self.role_id


@event_class("partners", *PARTNER_KINDS, outcome="roles")
class RoleEnded(Data):
    """The role ended at the event's `time`; a later RoleNamed names it anew."""

    role_id: RoleId
    """The role, by the sender's own id."""

    @property
    def subject(self) -> str:
        return self.role_id
