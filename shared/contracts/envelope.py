"""CloudEvents 1.0 around every event: read in binary and structured mode, written in binary mode.

Two steps, since a fault in the second must still be reported with the attributes of the first: `read_kafka` and
`read_structured` read the attributes and the raw data; `decode` makes an `Event` of them or says why not.
Source: CloudEvents 1.0.2, its Kafka protocol binding and its JSON format.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Generic

import msgspec
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypeVar

from shared.contracts.data import Data
from shared.contracts.errors import Forged, Invalid, PersonalData, Problem, Undecodable
from shared.contracts.event_class import EventClass
from shared.contracts.fields import EventId, Sender
from shared.contracts.identity import rank_of
from shared.contracts.instants import read_time
from shared.contracts.participant_events import FeedbackSubmitted
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.contracts.personal_identity import bytes_hold_a_code, holds_a_code, mask, may_hold_a_code
from shared.contracts.registry import CLASSES, class_of, kind_of

MAX_EVENT_BYTES: Final = 64 * 1024
AHEAD: Final = timedelta(minutes=5)
ATTRIBUTES: Final = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "correlationid",
    "causationid",
    "traceparent",
    "dataclassification",
    "synthetic",
    "origin",
)

_REQUIRED: Final = ("specversion", "id", "source", "type", "time")
_NAMED: Final = 10
"""How many headers an error names where none of them is an attribute."""
_HEADER: Final = {name: f"ce_{name}" for name in ATTRIBUTES if name != "datacontenttype"}
_ATTRIBUTE: Final = {header: name for name, header in _HEADER.items()}

Headers = Iterable[tuple[str, bytes | None]]

_TRACING = {
    "correlationid": (re.compile(r"[A-Za-z0-9._:-]{1,64}"), "is an id: at most 64 of A-Z a-z 0-9 . _ : -"),
    "causationid": (re.compile(r"[A-Za-z0-9._:/-]{1,128}"), "is at most 128 of A-Z a-z 0-9 . _ : / -"),
    "traceparent": (re.compile(r"[A-Za-z0-9._:/-]{1,128}"), "is at most 128 of A-Z a-z 0-9 . _ : / -"),
}
_SOURCE: Final = TypeAdapter(Sender).validator
_ID: Final = TypeAdapter(EventId).validator
_JSON: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
_SPELLED_OTHERWISE = re.compile(rb"[:,\[](?:null|-?[0-9]+\.0)[,}\]]")
_FINER = re.compile(r"\.[0-9]{6}([0-9]+)")
_TO_THE_MICROSECOND: Final = len("2026-09-01T10:00:00.123456")
_EXACT: Final = 2.0**53  # up to here a float is one integer and no other
_SORTED: Final = msgspec.json.Encoder(order="sorted")
_ANY: Final = msgspec.json.Decoder()
_NO_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Raw(msgspec.Struct, frozen=True):
    """An event before any check: attributes as text, data as the JSON that came."""

    attributes: Mapping[str, str]
    data: bytes

    @property
    def source(self) -> str:
        return self.attributes.get("source", "")

    @property
    def id(self) -> str:
        return self.attributes.get("id", "")

    @property
    def type(self) -> str:
        return self.attributes.get("type", "")


D = TypeVar("D", bound=Data, default=Data, covariant=True)


class Event(msgspec.Struct, Generic[D], frozen=True):
    """One event, checked and whole, with data of its class. (`source`, `id`) identifies it, never `id` alone."""

    id: str
    source: str
    time: datetime
    data: D
    digest: str = ""
    """The digest of type, subject and received data, without time and tracing: honest retries differ in those."""
    correlation: str | None = None
    causation: str | None = None
    traceparent: str | None = None
    synthetic: bool = False
    finer: str = ""
    """The digits of its time beyond the microsecond, as they came."""
    origin: str | None = None
    """The partner whose event began the chain of causation that this one stands in."""

    @property
    def name(self) -> str:
        """The class: `ReferralIssued`."""
        return type(self.data).__name__

    @property
    def figure(self) -> str:
        """The class under which it is counted; empty for a synthetic event, which stands apart from all figures."""
        return "" if self.synthetic else self.name

    @property
    def rank(self) -> str:
        """Tells the later of two events of one microsecond."""
        return rank_of(self.id, self.finer)

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Tells the later of two facts."""
        return self.time, self.rank, self.source


def read_kafka(value: bytes | None, headers: Headers) -> Raw:
    """The attributes and data of a Kafka record. Raises `Undecodable`, and `Invalid` where no header is an attribute."""
    if not value:
        raise Undecodable("the record has no value")
    attributes: dict[str, str] = {}
    others: list[str] = []
    content_type = ""
    for name, content in headers:
        attribute = _ATTRIBUTE.get(name) or (name[3:] if name.startswith("ce_") else None)
        if attribute is None and name != "content-type":
            others.append(name)
            continue
        try:
            text = content.decode()  # type: ignore[union-attr]
        except (AttributeError, UnicodeDecodeError) as error:
            what = "has no value" if content is None else "is not UTF-8"
            raise Undecodable(f"the header {mask(name)} {what}") from error
        if attribute is None:
            content_type = text
        else:
            attributes[attribute] = text
    if _is_structured(content_type) or not (attributes or content_type or others):
        return read_structured(value)
    if not attributes:
        return _without_attributes(value, content_type, others)
    if content_type:
        attributes.setdefault("datacontenttype", content_type)
    return Raw(attributes, value)


def _without_attributes(value: bytes, content_type: str, names: Sequence[str]) -> Raw:
    """Reads a record without attributes in its headers, if it says it is structured. Raises `Undecodable`, `Invalid`."""
    if not content_type and not _fields(value).keys().isdisjoint(_REQUIRED):
        return read_structured(value)
    some = ", ".join(mask(name)[:40] for name in names[:_NAMED]) or "none but content-type"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    lacking = [Problem(f"/{name}", "is missing") for name in _REQUIRED]
    hint = f"a header of a binary CloudEvent over Kafka begins with ce_, as ce_id; there are: {some}{more}"
    raise Invalid(f"{_line(lacking)}; {mask(hint)}", lacking)


def attributes_in(headers: Headers) -> dict[str, str]:
    """The attributes that the headers hold, as far as they can be read: for reporting a record that cannot be read."""
    attributes: dict[str, str] = {}
    for name, content in headers:
        with suppress(AttributeError, UnicodeDecodeError):
            if name.startswith("ce_"):
                attributes[name[3:]] = content.decode()  # type: ignore[union-attr]
    return attributes


def _is_structured(content_type: str) -> bool:
    """Kafka binding, 3: the content type alone tells the mode. Raises `Undecodable` at a format that nobody reads."""
    if content_type == "application/json":
        return False
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents") and media_type != STRUCTURED:
        raise Undecodable(f"the event format {mask(media_type)[:80]} is not read; send {STRUCTURED}")
    return media_type == STRUCTURED


def read_structured(body: bytes | msgspec.Raw) -> Raw:
    """The attributes and data of a structured CloudEvent. Raises `Undecodable`."""
    # JSON format, 2.2: an attribute that is null counts as absent.
    fields = {name: value for name, value in _fields(body).items() if bytes(value) != b"null"}
    if {"data", "data_base64"} <= fields.keys():
        raise Undecodable("data and data_base64 exclude each other")
    data = bytes(fields.pop("data", b""))
    if (encoded := fields.pop("data_base64", None)) is not None:
        data = _from_base64(encoded)
    return Raw({name: _attribute_text(name, value) for name, value in fields.items()}, data)


def _fields(body: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _STRUCTURED.decode(body)
    except _NO_JSON as error:
        raise Undecodable(f"no JSON object: {error}") from error


_STRUCTURED = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _from_base64(encoded: msgspec.Raw) -> bytes:
    try:
        return base64.b64decode(msgspec.json.decode(encoded, type=str), validate=True)
    except (msgspec.MsgspecError, ValueError) as error:  # of base64: not ASCII, or wrongly padded
        raise Undecodable("data_base64 is no base64 text") from error


def _attribute_text(name: str, value: msgspec.Raw) -> str:
    try:
        decoded = msgspec.json.decode(value)
    except _NO_JSON as error:
        raise Undecodable(f"{mask(name)}: no JSON: {error}") from error
    if isinstance(decoded, bool):
        return "true" if decoded else "false"
    if isinstance(decoded, str):
        return decoded
    if isinstance(decoded, dict | list):
        raise Undecodable(f"{mask(name)}: an attribute of a CloudEvent is no object or list")
    return msgspec.json.encode(decoded).decode()


def decode(raw: Raw, *, now: datetime, searched: bool = False) -> Event:
    """Decodes the event. `now` is the platform's clock. Raises `EventError` of the class that fits.

    `searched`: the caller has searched every byte of the event with `may_hold_a_code` and found nothing.
    """
    _check_sizes(raw)
    if not searched:
        refuse_personal_data(raw)
    attributes, document = raw.attributes, _read(raw.data)
    problems = list(_lacking(raw))
    if attributes.get("type"):
        event_class = class_of(raw.type)
    if problems:
        raise Invalid(_line(problems), problems)
    if not isinstance(document, dict):
        raise _broken("/data", "an object is needed")
    source, time = _checked_attributes(raw.id, raw.source, attributes["time"])
    if time > now + AHEAD:
        raise _broken(
            "/time", f"{time.isoformat()} is more than 5 minutes ahead of the platform's clock, {now.isoformat()}"
        )
    plain = _plain_json(document)
    data = _validated(event_class, plain)
    if problems := [*data.misdated(time), *data.unfit_for(source)]:
        raise Invalid(_line(problems), problems)
    subject = attributes.get("subject")
    if subject is not None and subject != data.subject:
        raise _broken("/subject", f"{subject[:80]!r}; for {event_class.name} it is {data.subject!r}")
    return Event(
        id=raw.id,
        source=source,
        time=time,
        data=data,
        digest=_digest(raw.type, data.subject, plain),
        correlation=_correlation(source, attributes.get("correlationid"), data.subject),
        causation=attributes.get("causationid"),
        traceparent=attributes.get("traceparent"),
        synthetic=attributes.get("synthetic") == "true",
        finer=_finer(attributes["time"]),
        origin=_origin(source, attributes.get("origin")),
    )


def _check_sizes(raw: Raw) -> None:
    """Before the search, so that an event that is too large costs nobody a second. Raises `Invalid`."""
    if len(raw.data) > MAX_EVENT_BYTES:
        raise _broken("/data", f"has {len(raw.data)} bytes; {MAX_EVENT_BYTES} are allowed")
    size = sum(len(name) + len(value) for name, value in raw.attributes.items())
    if size > MAX_EVENT_BYTES:
        raise Invalid(f"the attributes have {size} characters; {MAX_EVENT_BYTES} are allowed")


def _finer(time: str) -> str:
    found = _FINER.search(time) if len(time) > _TO_THE_MICROSECOND else None
    return found[1] if found else ""


def _correlation(source: str, said: str | None, subject: str) -> str | None:
    # A partner's event belongs to nothing but its subject: else it would stand in the trace of another's referral.
    return said if source.startswith("/service/") or said == subject else None


def _origin(source: str, said: str | None) -> str | None:
    # A partner begins the chain itself, whatever it says; a service passes the origin of its cause on.
    return said if source.startswith("/service/") else source


def refuse_personal_data(raw: Raw) -> None:
    """Raises `PersonalData`, naming the place with the code masked."""
    said = "|".join([f"{name}: {value}" for name, value in raw.attributes.items()])
    if not may_hold_a_code(said.encode(errors="surrogatepass") + b"|" + raw.data):
        return
    for name, value in raw.attributes.items():
        if holds_a_code(f"{name}: {value}"):
            where = f"/{_pointer(name)}"
            raise PersonalData(
                f"{where}: a personal identity code: {mask(value)[:80]}", [Problem(where, "a personal identity code")]
            )
    if bytes_hold_a_code(raw.data):
        path = _path_of_a_code(raw.data)
        raise PersonalData(f"{path}: a personal identity code", [Problem(path, "a personal identity code")])


def _path_of_a_code(data: bytes) -> str:
    # Parts that no reader of the JSON sees may hold a code too: a member that stands twice, or JSON that breaks off.
    try:
        return next(_paths_of_codes(msgspec.json.decode(data), "/data"), "/data")
    except _NO_JSON:
        return "/data"


def _paths_of_codes(document: object, path: str) -> Iterator[str]:
    stack: list[tuple[object, str]] = [(document, path)]
    while stack:
        value, at = stack.pop()
        if isinstance(value, str) and holds_a_code(value):
            yield mask(at)
        elif isinstance(value, dict):
            stack.extend((member, f"{at}/{_pointer(name)}") for name, member in value.items())
            stack.extend((name, f"{at}/{_pointer(name)}") for name in value)
        elif isinstance(value, list):
            stack.extend((member, f"{at}/{index}") for index, member in enumerate(value))


def _pointer(part: object) -> str:
    # Masked before it is cut and escaped: both can hide a code from the search.
    return mask(str(part))[:80].replace("~", "~0").replace("/", "~1")


def _lacking(raw: Raw) -> Iterable[Problem]:
    attributes = raw.attributes
    for name in _REQUIRED:
        if not attributes.get(name):
            yield Problem(f"/{name}", "is missing")
    if attributes.get("specversion", "1.0") != "1.0":
        yield Problem("/specversion", f"{attributes['specversion'][:20]!r} is not 1.0")
    content_type = attributes.get("datacontenttype", _JSON)
    if content_type != _JSON and content_type.partition(";")[0].strip().lower() not in {_JSON, "text/json"}:
        yield Problem("/datacontenttype", f"{content_type[:60]!r} is not application/json")
    for name, (shape, what) in _TRACING.items():
        if (traced := attributes.get(name)) and not shape.fullmatch(traced):
            yield Problem(f"/{name}", what)
    if attributes.get("synthetic", "false") not in {"true", "false"}:
        yield Problem("/synthetic", "is true or false")


@lru_cache(maxsize=4096)
def _checked_source(source: str) -> str:
    return str(_SOURCE.validate_python(source))


def _checked_attributes(id_: str, source: str, time: str) -> tuple[str, datetime]:
    try:
        checked = _checked_source(source)
    except ValidationError as error:
        raise _invalid("/source", error) from error
    try:
        _ID.validate_python(id_)
    except ValidationError as error:
        raise _invalid("/id", error) from error
    try:
        return checked, read_time(time)
    except ValueError as error:
        raise _broken("/time", str(error)) from error


def _broken(path: str, message: str) -> Invalid:
    return Invalid(f"{path}: {message}", [Problem(path, message)])


def _invalid(path: str, error: ValidationError) -> Invalid:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    problems = [
        Problem(path + "".join(f"/{_pointer(part)}" for part in fault["loc"] if part != "[key]"), fault["msg"])
        for fault in faults
        if not (fault["type"] == "too_short" and _is_of_a_part(fault["loc"], faults))
    ]
    return Invalid(_line(problems), problems)


def _is_of_a_part(place: tuple[int | str, ...], faults: Sequence[ErrorDetails]) -> bool:
    """Whether a part of the value is faulty: pydantic counts such a part as absent, and calls the rest too short."""
    return any(len(one["loc"]) > len(place) and one["loc"][: len(place)] == place for one in faults)


def _line(problems: Iterable[Problem]) -> str:
    return mask("; ".join(f"{problem.path}: {problem.message}" for problem in problems))[:1_000]


def _validated(event_class: EventClass, data: bytes) -> Data:
    try:
        return event_class.model.__pydantic_validator__.validate_json(data)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise _invalid("/data", error) from error


def _read(data: bytes) -> object:
    try:
        return _ANY.decode(data) if data else None
    except _NO_JSON as error:
        raise Undecodable(f"the data is no JSON: {error}") from error


def _plain_json(document: object) -> bytes:
    """The document in the one spelling that we compare and validate: in order, null as absent, 9.0 as 9."""
    canonical = _SORTED.encode(document)
    if not ((b"null" in canonical or b".0" in canonical) and _SPELLED_OTHERWISE.search(canonical)):
        return canonical
    try:
        return _SORTED.encode(_plain(document))
    except RecursionError as error:
        raise _broken("/data", "is nested too deeply") from error


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _digest(type_: str, subject: str, plain: bytes) -> str:
    return blake2b(f"{type_} {subject} ".encode() + plain, digest_size=12).hexdigest()


def authorise(event: Event, sender: str) -> None:
    """Raises `Forged` where `sender`, as the topic or the key proves, is not the source or may not send this class."""
    if event.source != sender:
        raise Forged(f"/source: {event.source} is not the sender, {sender}", [Problem("/source", "is not the sender")])
    check_class(event)


def check_class(event: Event) -> None:
    """Raises `Forged` where this kind of source may not send this class."""
    kind, name = kind_of(event.source), event.name
    if kind not in CLASSES[name].senders:
        raise Forged(f"/type: a {kind} may not send {name}", [Problem("/type", f"a {kind} may not send it")])
    if not isinstance(event.data, FeedbackSubmitted):
        return
    respondent = event.data.respondent
    if kind in PARTNER_KINDS and respondent != kind:
        _check_on_behalf(event.data, kind)
    if kind.startswith("service/") and respondent in PARTNER_KINDS:
        raise Forged(f"/data/respondent: a {respondent} answers for itself, not by the participant's form")


def _check_on_behalf(data: FeedbackSubmitted, kind: str) -> None:
    # A partner hands in a participant's answers from paper or the telephone; no one else's, and in no other way.
    if data.respondent in PARTNER_KINDS or data.channel not in {"paper", "phone"}:
        raise Forged(
            "/data/channel: a partner sends a participant's answers only from paper or phone",
            [Problem("/data/channel", f"a {kind} sends another's answers only with channel paper or phone")],
        )


def classification(data: Data) -> str:
    """`public` for what opistos publish, `confidential` where a referral is concerned."""
    return "public" if type(data).__name__ in {"ActivityPublished", "ActivityCancelled"} else "confidential"


def type_of(data: Data) -> str:
    """The CloudEvents type of an event with this data."""
    return CLASSES[type(data).__name__].type


def attributes_of(event: Event) -> dict[str, str]:
    """The CloudEvents attributes to write."""
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": type_of(event.data),
        "subject": event.data.subject,
        "time": written(event.time, event.finer),
        "datacontenttype": _JSON,
        "dataclassification": classification(event.data),
    }
    if event.correlation:
        attributes["correlationid"] = event.correlation
    if event.causation:
        attributes["causationid"] = event.causation
    if event.traceparent:
        attributes["traceparent"] = event.traceparent
    if event.synthetic:
        attributes["synthetic"] = "true"
    if event.origin and event.origin != event.source:
        attributes["origin"] = event.origin
    return attributes


def kafka_headers(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """The attributes as headers of the Kafka binding's binary mode."""
    headers = [
        (_HEADER.get(name) or f"ce_{name}", value.encode())
        for name, value in attributes.items()
        if name != "datacontenttype"
    ]
    headers.append(("content-type", b"application/json"))
    return headers


def written(time: datetime, finer: str = "") -> str:
    """RFC 3339 in UTC, with the digits beyond the microsecond where there are any."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    precision = "microseconds" if finer else "auto"
    return utc.isoformat(timespec=precision).removesuffix("+00:00") + finer + "Z"


def structured(event: Event) -> dict[str, object]:
    """The event as a structured CloudEvent."""
    return {**attributes_of(event), "data": event.data.model_dump(mode="json", exclude_none=True)}
