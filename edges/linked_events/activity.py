"""Reads one event of Linked Events as an activity: the `data` of ActivityPublished, field by field.

Each reader takes the row and returns the value, or raises `Unusable` with the reason that people will read.
"""

import re
from collections.abc import Callable, Iterator

from edges.linked_events.fields import (
    LANGUAGES,
    Row,
    Unusable,
    code,
    greatest_price,
    instant,
    items,
    link_id,
    localized,
    mapping,
    whole_number,
)
from edges.linked_events.sessions import read_sessions
from edges.linked_events.themes import THEMES_BY_KEYWORD, THEMES_BY_LABEL
from shared.reference import MERGED, MUNICIPALITIES

MAX_THEMES, MAX_LANGUAGES, MAX_AGE = 8, 20, 130
PLACES_AT_MOST, PLACES_WHEN_UNKNOWN = 5, 2

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_CODES = {
    name.casefold(): municipality.code
    for municipality in MUNICIPALITIES.values()
    for name in (municipality.name_sv, municipality.name_fi)
}


def read_activity(row: Row, identifier: str, municipality: str | None) -> tuple[dict[str, object], list[str]]:
    """The fields that can be read, and a reason for each that cannot; leaves an empty value out."""
    fields: dict[str, Callable[[], object]] = {
        "title": lambda: _title(row),
        "description": lambda: localized(row.get("short_description")) | localized(row.get("description")),
        "themes": lambda: _themes(row),
        "setting": lambda: "course" if row.get("type_id") == "Course" or "extension_course" in row else None,
        "municipality": lambda: _municipality(row, municipality),
        "format": lambda: _format(row),
        "place": lambda: _place(row),
        "languages": lambda: _languages(row),
        "age": lambda: _age(row),
        "capacity": lambda: _capacity(row),
        "price_cents": lambda: _price(row),
        "enrolment": lambda: _enrolment(row),
        "sessions": lambda: read_sessions(row),
    }
    data: dict[str, object] = {"activity_id": code(identifier)}
    reasons = []
    for name, read in fields.items():
        try:
            value = read()
        except Unusable as unusable:
            reasons.append(str(unusable))
            continue
        if value not in (None, {}) or name in ("age", "enrolment"):
            data[name] = value
    if "description" in data and not _has_a_main_language(data["description"]):
        del data["description"]
    return data, reasons


def _has_a_main_language(text: object) -> bool:
    """A text for people needs one of fi, sv, en; Sámi may only stand beside those."""
    return isinstance(text, dict) and any(language in text for language in LANGUAGES[:3])


def _title(row: Row) -> dict[str, str]:
    title = localized(row.get("name"))
    if not _has_a_main_language(title):
        raise Unusable("name", row.get("name"), "has no text in fi, sv or en")
    return title


def _themes(row: Row) -> list[str]:
    keywords = row.get("keywords")
    found: dict[str, None] = {}
    for keyword in items(keywords):
        found.update(dict.fromkeys(_themes_of(keyword)))
    if not found:
        ids = [link_id(keyword) for keyword in items(keywords)] or keywords
        raise Unusable("keywords", ids, "name no theme that we know")
    return list(found)[:MAX_THEMES]


def _themes_of(keyword: object) -> tuple[str, ...]:
    by_id = THEMES_BY_KEYWORD.get(link_id(keyword) or "")
    if by_id or not isinstance(keyword, dict):
        return by_id or ()
    return THEMES_BY_LABEL.get(localized(keyword.get("name")).get("fi", "").casefold(), ())


def _municipality(row: Row, callers: str | None) -> str:
    """The municipality of its place, else the caller's, else the publisher's."""
    location = mapping(row.get("location"))
    found = _municipality_of(location) or callers or _municipality_of_publisher(row.get("publisher"))
    if found is None:
        raise Unusable("location", row.get("location"), "names no municipality, and the caller named none")
    return found


def _municipality_of(location: Row) -> str | None:
    names = [name for division in items(location.get("divisions")) for name in _names_of_division(division)]
    names += localized(location.get("address_locality")).values()
    return next((found for name in names if (found := _CODES.get(name.casefold()))), None)


def _names_of_division(division: object) -> Iterator[str]:
    division = mapping(division)
    if division.get("type") == "muni":
        yield from localized(division.get("name")).values()
        _, _, name = str(division.get("ocd_id")).rpartition("/kunta:")
        yield name


def _municipality_of_publisher(publisher: object) -> str | None:
    """Turku's publisher is `turku:853`: its name and its municipality's code. Both must agree."""
    name, _, number = (link_id(publisher) or "").partition(":")
    today = MERGED.get(number, number)
    return today if _CODES.get(name.casefold()) == today else None


def _format(row: Row) -> str:
    """`helsinki:internet` is the place that stands for the net."""
    on_the_net = (link_id(row.get("location")) or "").endswith(":internet") or row.get("is_virtualevent") is True
    return "remote" if on_the_net or row.get("event_status") == "EventMovedOnline" else "in_person"


def _place(row: Row) -> dict[str, object] | None:
    """The embedded place; for a mere link, the publisher's description; on the net, none."""
    if _format(row) == "remote":
        return None
    location = mapping(row.get("location"))
    name = localized(location.get("name"))
    if not _has_a_main_language(name):
        name = localized(row.get("location_extra_info"))
        return {"name": name} if _has_a_main_language(name) else None
    place: dict[str, object] = {"name": name}
    address = localized(location.get("street_address"))
    if _has_a_main_language(address):
        place["address"] = address
    return place | _coordinates(location.get("position"))


def _coordinates(position: object) -> dict[str, object]:
    """GeoJSON: longitude first. Leaves out what is no point on the globe; the place stands without it."""
    match mapping(position).get("coordinates"):
        case [int() | float() as lon, int() | float() as lat] if -180 <= lon <= 180 and -90 <= lat <= 90:
            return {"lat": float(lat), "lon": float(lon)}
        case _:
            return {}


def _languages(row: Row) -> list[str]:
    """The languages; Finnish if the row names none."""
    named = dict.fromkeys((link_id(item) or "").replace("_", "-") for item in items(row.get("in_language")))
    known = [language for language in named if _LANGUAGE.fullmatch(language) and len(language) <= 35]
    return known[:MAX_LANGUAGES] or ["fi"]


def _age(row: Row) -> dict[str, int]:
    youngest = whole_number("audience_min_age", row.get("audience_min_age"))
    oldest = whole_number("audience_max_age", row.get("audience_max_age"))
    for field, age in (("audience_min_age", youngest), ("audience_max_age", oldest)):
        if age is not None and age > MAX_AGE:
            raise Unusable(field, age, f"is above {MAX_AGE}")
    if youngest is not None and oldest is not None and youngest > oldest:
        raise Unusable("audience_min_age", youngest, f"is above audience_max_age {oldest}")
    return {end: age for end, age in (("min", youngest), ("max", oldest)) if age is not None}


def _capacity(row: Row) -> int:
    """Places set aside for the referred, which Linked Events does not have: five at most, two where nothing is known.

    The remaining places count first, then all places. The opisto confirms each enrolment, so it can put a place too
    many right; it could not do so if a whole course were promised to the referred.
    """
    for field in ("remaining_attendee_capacity", "maximum_attendee_capacity"):
        places = whole_number(field, _of_course(row, field))
        if places is not None:
            return min(places, PLACES_AT_MOST)
    return PLACES_WHEN_UNKNOWN


def _price(row: Row) -> int:
    """The greatest amount that any offer names, so that no participant pays more than published."""
    offers = items(row.get("offers"))
    if not offers:
        raise Unusable("offers", row.get("offers"), "tell no price")
    return max(_price_of(mapping(offer)) for offer in offers)


def _price_of(offer: Row) -> int:
    if offer.get("is_free") is True:
        return 0
    for field in ("price", "description"):
        prices = [price for text in _price_texts(offer.get(field)) if (price := greatest_price(text)) is not None]
        if prices:
            return max(prices)
    raise Unusable("offers", offer.get("price"), "names no sure amount in euros")


def _price_texts(value: object) -> list[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return list(localized(value).values())


def _enrolment(row: Row) -> dict[str, object]:
    ends = {"opens": "enrolment_start_time", "closes": "enrolment_end_time"}
    times = {end: instant(field, text) for end, field in ends.items() if (text := _of_course(row, field)) is not None}
    if len(times) == 2 and times["opens"] > times["closes"]:
        raise Unusable("enrolment_start_time", times["opens"].isoformat(), "is after enrolment_end_time")
    return {end: time.isoformat() for end, time in times.items()}


def _of_course(row: Row, field: str) -> object:
    """A field that older Linked Courses kept in `extension_course`."""
    value = row.get(field)
    return value if value is not None else mapping(row.get("extension_course")).get(field)
