"""The language of a page, one of three."""

from typing import Final

from starlette.requests import Request

from shared.http.parameters import Parameter

LANGUAGES: Final = {"fi": "Suomi", "sv": "Svenska", "en": "English"}
LANGUAGE: Final = Parameter("lang", "The page's language: fi, sv or en; else what the browser prefers.", example="sv")


def negotiated(request: Request) -> str:
    """?lang if it is one of ours, else the browser's first preference that is, else Finnish."""
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    preferences = []
    for place, part in enumerate(request.headers.get("accept-language", "").split(",")[:20]):
        tag, _, quality = part.strip().partition(";q=")
        preferences.append((-_quality(quality), place, tag[:2].lower()))
    return next((tag for _, _, tag in sorted(preferences) if tag in LANGUAGES), "fi")


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
