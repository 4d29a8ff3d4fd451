"""Who organises activities in the demo: the opistos of the register, and beside them municipalities, associations and
libraries, whose names are made up of real municipalities'.

Pure: the same opistos give the same organisers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from demo.register import LicensedOpisto, load_opistos
from shared.reference import MUNICIPALITIES

_KINDS: Final = ("municipality", "association", "library")
_NAMES: Final = {
    "municipality": "Kulttuuripalvelut, {}",
    "association": "Yhteinen sävel ry, {}",
    "library": "Kirjasto, {}",
}


@dataclass(frozen=True, slots=True)
class Organiser:
    """Who publishes activities: its source, and the municipalities that it serves, its own first."""

    source: str
    name: str
    languages: tuple[str, ...]
    municipalities: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.source.split("/", 2)[1]

    @property
    def language(self) -> str:
        """The language in which it is written to."""
        return next((language for language in self.languages if language in {"fi", "sv", "en"}), "fi")


def organisers(opistos: int, others: int) -> list[Organiser]:
    """The first opistos of the register, and so many others where these are."""
    licensed = load_opistos()[0][:opistos]
    return [*map(_of, licensed), *_others(licensed, others)]


def _of(one: LicensedOpisto) -> Organiser:
    return Organiser(f"/opisto/{one.id}", one.name, one.languages, one.municipalities)


def _others(opistos: Sequence[LicensedOpisto], count: int) -> Iterator[Organiser]:
    """A municipality, an association and a library in turn, each in a municipality where an opisto is."""
    places = list(dict.fromkeys(one.municipalities[0] for one in opistos))
    for number in range(min(count, len(_KINDS) * len(places))):
        kind, code = _KINDS[number % len(_KINDS)], places[number // len(_KINDS)]
        id_ = code if kind == "municipality" else f"demo-{code}"
        yield Organiser(f"/{kind}/{id_}", _NAMES[kind].format(MUNICIPALITIES[code].name_fi), ("fi",), (code,))
