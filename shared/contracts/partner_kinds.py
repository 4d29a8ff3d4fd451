"""The kinds of partners, and what each may do: the first part of a partner's source names its kind."""

from collections.abc import Mapping
from typing import Final

ORGANISERS: Final = ("opisto", "municipality", "association", "library")
"""They publish activities, hold places and record who came."""
REFERRERS: Final = ("region", "municipality", "association", "library")
"""They issue referrals; all but a region only by a route that the client's region allows."""
OTHER_REFERRERS: Final = tuple(kind for kind in REFERRERS if kind != "region")
PARTNER_KINDS: Final = ("region", *ORGANISERS)

IN_WORDS: Final[Mapping[str, str]] = {
    "region": "a region",
    "opisto": "an opisto",
    "municipality": "a municipality",
    "association": "an association",
    "library": "a library",
}
TOGETHER: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (PARTNER_KINDS, "a partner"),
    (ORGANISERS, "an organiser"),
    (REFERRERS, "a referrer"),
)
"""Several kinds at once, in words; the most first."""
EXAMPLE_OF: Final[Mapping[str, str]] = {
    "region": "/region/06",
    "opisto": "/opisto/tampere",
    "municipality": "/municipality/837",
    "association": "/association/tampereen-marttayhdistys",
    "library": "/library/metso",
}
"""A source of each kind."""
IDS: Final[Mapping[str, str]] = {
    "region": "a region's id is the code of one that may refer, such as 06",
    "opisto": "an opisto's id is its OID, or 1 to 60 of a-z 0-9 . -",
    "municipality": "a municipality's id is Statistics Finland's code of it, such as 837",
    "association": "an association's id is 1 to 60 of a-z 0-9 . -",
    "library": "a library's id is 1 to 60 of a-z 0-9 . -",
}
"""What the second part of a partner's source is, by kind."""


def is_of(source: str, kinds: tuple[str, ...]) -> bool:
    """Whether a source is of one of these kinds."""
    return source.split("/", 2)[1] in kinds if source.startswith("/") else False
