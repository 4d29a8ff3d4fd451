"""Who a source is, in words: a region by its name, the platform's own services by theirs."""

from typing import Final

from shared.reference import REGIONS

_REGION: Final = "/region/"
_SERVICE: Final = "/service/"


def partner_name(source: str, language: str) -> str:
    """The region's name in this language; of anybody else what he calls himself."""
    if source.startswith(_REGION) and (region := REGIONS.get(source.removeprefix(_REGION))):
        return {"fi": region.name_fi, "sv": region.name_sv, "en": region.name_en}[language]
    return source.removeprefix(_SERVICE)
