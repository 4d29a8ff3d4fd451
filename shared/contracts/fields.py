"""The types of fields that events share: what a code, a time, a text may look like."""

import re
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.contracts import heartbeat
from shared.contracts.partner_kinds import OTHER_REFERRERS, REFERRERS
from shared.contracts.topics import SERVICES, ServiceName
from shared.reference import DIMENSIONS, LANGUAGES, MUNICIPALITIES, REGIONS, THEMES, VOUCHER_RULES

# THL's and the organisations' own branch. Without four digits in a row no birth date, telephone or code has room.
_UNIT = re.compile(r"^(?:1\.2\.246\.(?:10|537)(?:\.[0-9]{1,8}){1,8}|(?!.*[0-9]{4})[A-Za-z0-9_-]{1,16})$")
_SCRIPTS: Final = "[Aa]rab|[Cc]yrl|[Hh]ans|[Hh]ant|[Ll]atn"
_UUID = re.compile(
    r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?",
    re.IGNORECASE | re.ASCII,
)
MAX_TEXT = 4_000


def _known(codes: object, what: str):  # type: ignore[no-untyped-def]
    def check(value: str) -> str:
        if value not in codes:  # type: ignore[operator]
            raise ValueError(f"no {what} has the code {value[:20]!r}")
        return value

    return AfterValidator(check)


def _unit(value: str) -> str:
    if not _UNIT.fullmatch(value):
        raise ValueError(
            "a unit is an organisation's OID under 1.2.246.10 or 1.2.246.537, or 1 to 16 of A-Z a-z 0-9 _ - without four "
            "digits in a row"
        )
    return value


def _spoken(value: str) -> str:
    if value.partition("-")[0].lower() not in LANGUAGES:
        raise ValueError(f"no language has the ISO 639 code {value[:20]!r}")
    return value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("each may stand only once")
    return values


class _Distinct(AfterValidator):
    """Refuses repetitions, and says so in the JSON Schema."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(core) | {"uniqueItems": True}


_ISSUING: Final = {code for code, region in REGIONS.items() if region.may_refer} | {heartbeat.REGION_CODE}


def _known_sender(value: str) -> str:
    _, kind, name = value.split("/", 2)
    if kind == "region" and name not in _ISSUING:
        raise ValueError(f"no region that may refer has the code {name[:20]!r}")
    if kind == "municipality" and name not in MUNICIPALITIES:
        raise ValueError(f"no municipality has the code {name[:20]!r}")
    if kind == "service" and name not in SERVICES:
        raise ValueError(f"there is no service {name[:20]!r}")
    return value


def _of_a_kind_or_one(value: str) -> str:
    return _known_sender(value) if value.startswith("/") else value


def _is_somebody(value: str) -> str:
    if value in heartbeat.PARTNERS:
        raise ValueError(f"{value} is the platform's own heartbeat, and no partner")
    return value


def _random(whose: str) -> AfterValidator:
    def check(value: str) -> str:
        if value[14] != "4" or value[19] not in "89ab":
            raise ValueError(f"{whose} id is a random UUID, version 4: any other can be guessed or tells of its making")
        return value

    return AfterValidator(check)


def read_referral_id(spelled: str) -> str | None:
    """The id of a referral in any spelling of a UUID (upper case, braces, no hyphens, urn:uuid:), as events have it."""
    if not (digits := _UUID.fullmatch(spelled)):
        return None
    return "-".join(digits.groups()).lower()


def _organises(value: str) -> str:
    if value.startswith(("/region/", "/service/")):
        raise ValueError(f"{value[:80]!r} is no organiser of activities")
    return value


Count = Annotated[int, Field(ge=0, le=1_000_000_000, examples=[1])]
Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1, examples=[3])]

EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["att-77"])]
ReferralId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        examples=["7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"],
    ),
]
IssuedReferralId = Annotated[ReferralId, _random("a referral's")]
"""The id of a new referral: only a random one tells nothing of when, where or for whom, and cannot be guessed."""
GroupId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        examples=["c4a1f0de-2b7a-4f0c-8d35-6a1b9e0f7c22"],
    ),
]
IssuedGroupId = Annotated[GroupId, _random("a group's")]
"""The id of a new group, random as a referral's is."""
ActivityId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["kuoro-2026s"])]
SessionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["1"])]
UnitRef = Annotated[
    str, AfterValidator(_unit), Field(json_schema_extra={"pattern": _UNIT.pattern}, examples=["unit-17"])
]
Organiser = Annotated[
    str,
    Field(
        pattern=r"^/[a-z]+/[a-z0-9.-]{1,60}$",
        json_schema_extra={"pattern": "^/(?!region/|service/)[a-z]+/[a-z0-9.-]{1,60}$"},
        examples=["/opisto/1.2.246.562.10.00000000001"],
    ),
    AfterValidator(_organises),
]
Issuer = Annotated[str, Field(pattern=rf"^/(?:{'|'.join(REFERRERS)})/[a-z0-9.-]{{1,60}}$", examples=["/region/08"])]
"""Who issued a referral: a region, or a municipality, an association or a library where a region allows it."""
_OTHERS: Final = "|".join(OTHER_REFERRERS)
Referrers = Annotated[
    str,
    Field(pattern=rf"^(?:/(?:{_OTHERS})/[a-z0-9.-]{{1,60}}|{_OTHERS})$", examples=["library"]),
    AfterValidator(_of_a_kind_or_one),
]
"""All of one kind that may refer beside regions, `library`, or one of them, `/library/metso`."""
SOURCE: Final = r"/[a-z]+/[a-z0-9.-]{1,60}"
Source = Annotated[str, Field(pattern=f"^{SOURCE}$", examples=["/region/08"])]
Sender = Annotated[Source, AfterValidator(_known_sender)]
"""A source whose events are taken; `Source` alone also names one that was refused."""
Partner = Annotated[Sender, AfterValidator(_is_somebody)]
"""A sender that has a key, a topic or a feed: all but the heartbeat's."""
RegionCode = Annotated[
    str,
    _known(_ISSUING, "region that may refer"),
    Field(json_schema_extra={"pattern": "^[0-9]{2}$"}, examples=["08"]),
]
# The schema has only the shape: the list of codes changes every January, the contract does not.
Municipality = Annotated[
    str,
    _known(MUNICIPALITIES, "municipality"),
    Field(json_schema_extra={"pattern": "^[0-9]{3}$"}, examples=["837"]),
]
Language = Annotated[
    str,
    Field(pattern=f"^[A-Za-z]{{2,3}}(?:-(?:{_SCRIPTS}))?(?:-(?:[A-Za-z]{{2}}|[0-9]{{3}}))?$", examples=["fi"]),
    AfterValidator(_spoken),
]
"""An ISO 639 code, with a script and a region or without: `fi`, `sv-FI`, `sr-Latn`. No other subtag, which could be a name."""

Theme = Annotated[
    str, _known(frozenset(THEMES), "theme"), Field(title="Theme", json_schema_extra={"enum": list(THEMES)})
]
Dimension = Annotated[
    str,
    _known(frozenset(DIMENSIONS), "3X10D dimension"),
    Field(title="Dimension", json_schema_extra={"enum": list(DIMENSIONS)}),
]
Weight = Annotated[int, Field(ge=1, le=10)]
Needs = Annotated[dict[Dimension, Weight], Field(min_length=1, max_length=10, examples=[{"friends": 9, "family": 4}])]
AgeBand = Annotated[
    Literal["0-6", "7-12", "13-15", "16-17", "18-29", "30-64", "65-74", "75-84", "85-"],
    Field(title="AgeBand", examples=["65-74"]),
]
Format = Annotated[Literal["in_person", "remote", "hybrid"], Field(title="Format")]
Accessibility = Annotated[
    Literal["step_free", "induction_loop", "quiet", "sign_language", "easy_language", "companion_welcome"],
    Field(title="Accessibility"),
]
Funding = Annotated[Literal["kaikukortti", "opintoseteli", "agreement"], Field(title="Funding")]
PriceRule = Annotated[Literal["kaikukortti", "opintoseteli", "agreement", "free", "full"], Field(title="PriceRule")]
"""What made the price that a participant pays: one of the fundings, an activity that is free, or nothing."""
VoucherGroup = Annotated[
    Literal[
        "immigrant",
        "unemployed",
        "basic_education_only",
        "learning_difficulties",
        "young_without_place",
        "senior",
        "pensioner",
    ],
    Field(title="VoucherGroup"),
]


def _of_a_known_rule(year: int) -> int:
    if year not in VOUCHER_RULES:
        known = ", ".join(map(str, VOUCHER_RULES))
        raise ValueError(f"no rule of study vouchers is known for the year {year}; there are rules for {known}")
    return year


VoucherYear = Annotated[int, Field(ge=2000, le=2100, examples=[2026]), AfterValidator(_of_a_known_rule)]
"""The year of a grant by the National Agency for Education, used in the study year that begins on its 1 August."""
Setting = Annotated[Literal["course", "peer", "drop_in", "meets_people", "guidance"], Field(title="Setting")]
Phase = Annotated[Literal["before", "after", "after_3_months", "after_6_months"], Field(title="Phase")]
Release = Annotated[
    Literal["loop_closed", "withdrawn", "moved", "refused", "called_off", "not_confirmed"], Field(title="Release")
]
"""Why a referral has no place at an activity any more."""
Respondent = Annotated[
    Literal["participant", "carer", "region", "opisto", "municipality", "association", "library"],
    Field(title="Respondent"),
]
RoleTitle = Annotated[
    Literal[
        "director",
        "service_manager",
        "client_counsellor",
        "wellbeing_coordinator",
        "culture_coordinator",
        "planning_officer",
        "teacher",
        "librarian",
        "customer_service",
        "billing",
        "technical_support",
        "data_protection",
        "other",
    ],
    Field(title="RoleTitle"),
]
"""A role in an organisation, never a person."""
Service = Annotated[ServiceName, Field(title="Service")]
What = Annotated[
    Literal[
        "match",
        "choice",
        "confirmation",
        "attendance",
        "feedback",
        "follow_up",
        "early",
        "waiting_list",
        "ended",
        "rematch",
        "statement",
        "offer",
        "voucher_idle",
        "redrive",
        "edit",
        "role_begins",
        "role_ends_soon",
        "role_ends",
        "pair_silence",
        "agreement_half",
        "agreement_end",
        "improvement",
    ],
    Field(title="Awaited"),
]
_LateBesides = Literal["event", "place_without_referral", "attendance_without_place"]
LateWhat = What | _LateBesides
"""What ops see as late: an awaited step, an event that waits for another one, a place or a session without its other half."""
LATE_WHATS: Final[tuple[str, ...]] = (*get_args(get_args(What)[0]), *get_args(_LateBesides))
EventType = Annotated[str, Field(examples=["fi.kulttuurilahete.ReferralIssued.v1"])]
CodeDigest = Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0"])]
DeadLetterId = Annotated[str, Field(examples=["0f2d7c3e-8a51-5b64-9c0d-3e1f6a2d8c11"])]
Cause = Annotated[str, Field(examples=["choice-12"])]
"""The id of the event that asked."""
Finer = Annotated[str, Field(examples=["789"])]


def _some_language(value: dict[str, str]) -> dict[str, str]:
    if not {"fi", "sv", "en"} & value.keys():
        raise ValueError("a text needs at least one of fi, sv, en")
    return value


_IN_SOME_LANGUAGE: Final[JsonDict] = {
    "anyOf": [{"properties": {language: {"type": "string"}}, "required": [language]} for language in ("fi", "sv", "en")]
}
_TextLanguage = Annotated[Literal["fi", "sv", "en", "se"], Field(title="TextLanguage")]
Text = Annotated[
    dict[_TextLanguage, Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]],
    AfterValidator(_some_language),
    Field(json_schema_extra=_IN_SOME_LANGUAGE, examples=[{"fi": "Kuoro kaikille", "sv": "Kör för alla"}]),
]
ShortText = Annotated[
    dict[_TextLanguage, Annotated[str, Field(min_length=1, max_length=1_000)]],
    AfterValidator(_some_language),
    Field(json_schema_extra=_IN_SOME_LANGUAGE, examples=[{"fi": "Kuoro kaikille", "sv": "Kör för alla"}]),
]
"""A few sentences, so that an event that repeats them stays within its bounds."""
Distinct = _Distinct(_distinct)
