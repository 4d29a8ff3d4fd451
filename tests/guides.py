"""The blocks of code that the guides hold, read as their readers paste them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from deploy.embedded_broker.control import REPOSITORY

FIRST_DAY: Final = REPOSITORY / "docs/guides/first-day.md"
GUIDES: Final = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs/guides").glob("*.md")))
_BLOCK: Final = re.compile(r"^```(\w+) ?([\w.]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """Code in a language; `file` is the name that it is to be kept under, where the guide gives one."""

    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def first_day() -> str:
    """All of its commands, in their order."""
    return "".join(block.text for block in blocks(FIRST_DAY) if block.language == "sh")


def other_requests() -> Iterator[str]:
    """Each block of the guides that asks the platform something by curl and is none of the first day's."""
    known = first_day()
    for page in GUIDES:
        for block in blocks(page):
            if block.language == "sh" and not block.file and "curl " in block.text and block.text not in known:
                yield block.text
