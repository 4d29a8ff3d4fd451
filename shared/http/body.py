"""The body of a request, bounded before and during the reading."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from shared.http.problems import ProblemError

T = TypeVar("T")


async def read_body(request: Request, most: int, advice: str = "") -> bytes:
    """The body. Raises 413 for more than `most` bytes, 415 for an encoding; `advice` says what the sender should do.

    Judges an announced length before reading anything.
    """
    if (encoding := request.headers.get("content-encoding", "").strip().lower()) not in {"", "identity"}:
        detail = f"the body's Content-Encoding is {encoding[:60]!r}; send it as it is"
        raise ProblemError(415, detail, headers={"Accept-Encoding": "identity"})
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 12 or int(announced) > most:
        raise _too_large(most, advice)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most, advice)
    return bytes(body)


def _too_large(most: int, advice: str) -> ProblemError:
    return ProblemError(413, f"the body has more than {most} bytes{advice and f'; {advice}'}")


async def read_json(request: Request, most: int, type_: type[T]) -> T:
    """The body as JSON of this type. Raises 400, 413, 415."""
    try:
        return msgspec.json.decode(await read_body(request, most), type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is not what is asked for here: {error}") from error
