"""One way to the provider and back."""

from typing import Final

import msgspec

LASTS: Final = 600
"""Seconds."""


class Journey(msgspec.Struct, frozen=True):
    """What the browser keeps of it. `began`: seconds since 1970; `then`: the page of the console to which it leads."""

    state: str
    nonce: str
    verifier: str
    then: str
    began: float
