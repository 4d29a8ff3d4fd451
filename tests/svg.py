"""What the pictures of this repository have in common: how they begin, their colours and dashes, the steps of an axis."""

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

COLOURS: Final = ("#0b6e99", "#b3541e", "#2f7d32", "#8e2a8b", "#a37b00", "#c2185b", "#455a64", "#5d4037", "#1a237e")
_DASHES: Final = ("", "7 3", "2 3")
_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


def opening(width: int, height: int, title: str, description: str) -> Iterator[str]:
    """The element with its text alternative, and a white ground. To be closed with `</svg>`."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title desc" font-family="sans-serif" font-size="12" fill="#222">'
    )
    yield f'<title id="title">{escape(title)}</title>'
    yield f'<desc id="desc">{escape(description)}</desc>'
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>'


def style(number: int) -> str:
    """A line's, told apart from others not by colour alone."""
    dash = _DASHES[number % len(_DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.6" fill="none"{dashed}'


def step(most: float, parts: int) -> float:
    """A round step that divides an axis into no more parts than these."""
    return next((one for one in _STEPS if most / one <= parts), float(_STEPS[-1]))
