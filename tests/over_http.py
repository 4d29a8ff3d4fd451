"""HTTP as a test asks a process of this machine: no proxy, no TLS.

httpx makes what it needs for TLS anew for each question that has no client of its own, even over plain HTTP: thirty times the
work of the question, at each look of a test that waits.
"""

import ssl
from typing import Any, Final

import httpx

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Knows no certificate, so that nobody could be trusted by it."""


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """The answer, by a connection of its own; `options` as httpx has them. Raises `httpx.TransportError`."""
    return httpx.request(method, url, trust_env=False, verify=NO_TLS, **options)
