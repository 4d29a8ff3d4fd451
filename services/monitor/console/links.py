"""Addresses of the console's own pages: every filter and page stands in them."""

from collections.abc import Mapping
from urllib.parse import urlencode


def address(path: str, query: Mapping[str, str], **changes: str | None) -> str:
    """The address with some parameters changed; one without a value is left out."""
    kept = {name: value for name, value in {**query, **changes}.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
