"""The pages of dead letters: the list by its filters, and one of them."""

from collections.abc import Mapping
from typing import Any, Final

from services.monitor.console.links import address
from services.monitor.console.pages import ConsolePage, Content, Visit
from shared.contracts.errors import REASONS

PATH: Final = "/dead-letters"
_FILTERS: Final = ("reason", "sender", "type")
_A_PAGE: Final = "50"
_MOST_SHOWN: Final = 8_000
"""Characters of a value or a header that a page shows."""


async def show_list(visit: Visit) -> Content:
    """Dead letters, the newest first."""
    query = visit.query
    said = await visit.ask("/v1/dead-letters", {"limit": _A_PAGE, **query})
    return {
        "letters": said["dead_letters"],
        "next": address(PATH, query, after=said["next"]) if said["next"] else "",
        "first": address(PATH, query, after=None) if "after" in query else "",
        "reasons": REASONS,
        "query": {name: query.get(name, "") for name in _FILTERS},
        "is_filtered": any(name in query for name in _FILTERS),
    }


async def show_one(visit: Visit) -> Content:
    """One dead letter, with the record as it came."""
    id_ = visit.request.path_params["dl_id"]
    letter = await visit.ask(f"/v1/dead-letters/{id_}")
    return {"letter": letter, "original": _original(letter["original"]), "most": _MOST_SHOWN}


def _original(original: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if original is None:
        return None
    return {
        "key": _text(original["key"]),
        "value": _text(original["value"]),
        "headers": [(_text(name), _text(value)) for name, value in original["headers"]],
    }


def _text(content: Any) -> str | None:
    return f"base64: {content['base64']}" if isinstance(content, dict) else content


PAGES: Final = (
    ConsolePage("dead_letters", PATH, show_list, "mend", roles=("ops",), takes=(*_FILTERS, "after"), renews=True),
    ConsolePage("dead_letter", f"{PATH}/{{dl_id}}", show_one, roles=("ops",)),
)
