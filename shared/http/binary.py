"""Binary mode of CloudEvents' HTTP binding: attributes in `ce-` headers, the data in the body."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from shared.contracts.envelope import Raw
from shared.contracts.errors import Undecodable

PREFIX: Final = "ce-"
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


def read_binary(headers: Iterable[tuple[str, str]], body: bytes) -> Raw:
    """The attributes and data of a request whose body is JSON. Raises `Undecodable`."""
    named = ((name.lower(), value) for name, value in headers)
    attributes = {name.removeprefix(PREFIX): _text(name, value) for name, value in named if name.startswith(PREFIX)}
    return Raw({**attributes, "datacontenttype": "application/json"}, body)


def _text(name: str, value: str) -> str:
    # 3.1.3.2: quotes around a value go, as senders before 1.0.1 put them there; then one round of percent encoding is
    # undone, and a value that is no UTF-8 then must be refused.
    if quoted := _QUOTED.fullmatch(value):
        value = _QUOTED_PAIR.sub(r"\1", quoted[1])
    try:
        return unquote(value, errors="strict") if "%" in value else value
    except UnicodeDecodeError as error:
        raise Undecodable(f"the header {name}: its percent encoding is no UTF-8") from error
