"""The body of a request, bounded while it is read."""

from starlette.requests import Request

from shared.http.problems import ProblemError


async def read_body(request: Request, most: int, advice: str = "") -> bytes:
    """The body. Raises 413 where it has more than `most` bytes; `advice` says what to do then."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ProblemError(413, f"the body has more than {most} bytes{advice and f'; {advice}'}")
    return bytes(body)
