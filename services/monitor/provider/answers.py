"""HTTP to the provider within bounds: size, time, no redirect, no unpacking. It is trusted to say who somebody is, no more."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from services.monitor.provider.faults import ProviderAway

MOST_BYTES: Final = 256 * 1024
WITHIN: Final = 10.0
"""Seconds for a whole answer."""


class ProviderAnswers:
    """The JSON objects that the provider answers."""

    def __init__(self, tls: ssl.SSLContext, within: float = WITHIN) -> None:
        self._tls = tls
        self._within = within

    async def get(self, url: str) -> dict[str, Any]:
        """What stands there. Raises `ProviderAway`."""
        status, answer = await self._ask("GET", url, {}, None)
        if status != 200:
            raise ProviderAway(f"the provider answers {status} where its configuration or its keys should be")
        return answer

    async def post(self, url: str, headers: Mapping[str, str], body: str) -> tuple[int, dict[str, Any]]:
        """The status and the answer to a form. Raises `ProviderAway`."""
        return await self._ask("POST", url, headers, body)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> tuple[int, dict[str, Any]]:
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        try:
            async with (
                asyncio.timeout(self._within),
                httpx.AsyncClient(timeout=self._within / 2, verify=self._tls) as client,
                client.stream(method, url, headers=sent, content=body) as response,
            ):
                return response.status_code, _object_in(await _read(response), response.status_code)
        except TimeoutError as error:
            raise ProviderAway(f"the provider has not answered in {self._within:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderAway(f"the provider does not answer: {type(error).__name__}") from error


async def _read(response: httpx.Response) -> bytes:
    """The body as it came: what is packed all the same is no JSON."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MOST_BYTES:
            raise ProviderAway(f"the provider's answer has more than {MOST_BYTES} bytes")
    return bytes(body)


def _object_in(body: bytes, status: int) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderAway(f"the provider answers {status} with what is no JSON") from error
    if not isinstance(answer, dict):
        raise ProviderAway(f"the provider answers {status} with what is no JSON object")
    return answer
