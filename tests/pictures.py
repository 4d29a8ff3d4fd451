"""Draws the two pictures of docs/architecture.md: `python -m tests.pictures` writes them into the page.

The rooms come from the table of `tests/unit/test_import_rules.py`, the steps from the page's own list.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.unit.test_import_rules import ABOVE, REPOSITORY

PAGE: Final = REPOSITORY / "docs" / "architecture.md"

_FILES: Final = ("shared.private", "shared.metrics", "shared.clock")
"""Single files of `shared` that rooms name."""
_ITSELF: Final = {"services/<name>": "shared"}
"""What the test of the services says of each: `shared`, and no other service."""
_STEP: Final = re.compile(r"^\d+\. \*\*([^*]+)\*\*(.*?)(?=^\d+\. |^$)", re.MULTILINE | re.DOTALL)
_BACK: Final = re.compile(r"goes\s+back\s+to\s+\*([^*]+)\*")


def rooms(above: Mapping[str, str] = ABOVE) -> str:
    """Who may import whom. A room may import the rooms within it, too."""
    above = {**above, **_ITSELF}
    inside = [*(room for room in above if room.startswith("shared/")), *(file.replace(".", "/") for file in _FILES)]
    outside = [room for room in above if room not in inside]
    lines = ["flowchart TB", "  subgraph shared", f"    {_nodes(inside)}", "  end", f"  {_nodes(outside)}"]
    for room, below in above.items():
        within = [other for other in above if other.startswith(f"{room}/")]
        # An arrow from a box to the box around it cannot be drawn.
        around = [other for other in inside if other != room] if room in inside and below == "shared" else below.split()
        if targets := [*within, *around]:
            lines.append(f"  {_id(room)} --> {' & '.join(map(_id, targets))}")
    return _fenced(lines)


def _nodes(rooms: Iterable[str]) -> str:
    return "; ".join(f'{_id(room)}["{room.replace("<", "&lt;").replace(">", "&gt;")}"]' for room in rooms)


def _id(room: str) -> str:
    # `services.x` in the table is a module, `services/x` a folder; both are the one box.
    name = room.replace(".", "/")
    return "services" if name.startswith("services") else name.replace("/", "_")


def steps(page: str) -> str:
    """The steps of a record's life in order, and where one goes back."""
    found = list(steps_in(page))
    lines = ["flowchart LR", "  " + " --> ".join(name.replace(" ", "_") + f"({name})" for name, _ in found)]
    lines += [f"  {name.replace(' ', '_')} -.-> {back.replace(' ', '_')}" for name, back in found if back]
    return _fenced(lines)


def steps_in(page: str) -> Iterator[tuple[str, str]]:
    """The name of each step that a page has in its list, and of the step to which one goes back there."""
    for name, text in _STEP.findall(page):
        back = _BACK.search(text)
        yield name, back[1] if back else ""


def _fenced(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


def drawn(page: str) -> str:
    """The page with both pictures as they are now."""
    for name, picture in (("rooms", rooms()), ("steps", steps(page))):
        marked = re.compile(rf"(<!-- {name}: [^\n]*-->)\n(?:```mermaid\n.*?\n```\n)?", re.DOTALL)
        page = marked.sub(lambda found, picture=picture: f"{found[1]}\n{picture}\n", page)  # type: ignore[misc]
    return page


def main(page: Path = PAGE) -> None:
    """Writes them."""
    page.write_text(drawn(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
