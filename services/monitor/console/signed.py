"""Cookies that the browser keeps and cannot change: what they say is signed, so that nothing is kept of it here."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from hashlib import sha256
from typing import Final, Generic, Literal, TypeVar

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

T = TypeVar("T", bound=msgspec.Struct)
_LONGEST: Final = 3_000


class SignedCookie(Generic[T]):
    """One cookie, and the shape of what it says. Without a secret of its own each process has one by chance, until it ends."""

    def __init__(
        self,
        name: str,
        shape: type[T],
        secret: str,
        purpose: bytes,
        *,
        secure: bool,
        same_site: Literal["strict", "lax"],
    ) -> None:
        self.name = f"__Host-{name}" if secure else name
        """Browsers take a cookie of the first name over TLS alone, from this host alone."""
        self._shape = msgspec.json.Decoder(shape)
        self._key = hmac.digest(secret.encode() or secrets.token_bytes(32), purpose, "sha256")
        self._secure = secure
        self._same_site: Literal["strict", "lax"] = same_site

    def put(self, response: Response, said: T, age: int) -> None:
        """Lets the browser keep it for so many seconds."""
        body = urlsafe_b64encode(msgspec.json.encode(said))
        self._set(response, f"{body.decode()}.{self.sign(body)}", age)

    def remove(self, response: Response) -> None:
        """Takes the cookie away."""
        self._set(response, "", 0)

    def read(self, request: HTTPConnection) -> T | None:
        """What the browser brings; None where it is nothing, or not as it was put there."""
        body, _, signature = request.cookies.get(self.name, "")[:_LONGEST].partition(".")
        if not hmac.compare_digest(self.sign(body.encode()).encode(), signature.encode()):
            return None
        try:
            return self._shape.decode(urlsafe_b64decode(body))
        except (msgspec.MsgspecError, NoBase64):  # of another version, under the same key
            return None

    def sign(self, body: bytes) -> str:
        """The signature of anything under the cookie's own key."""
        return hmac.new(self._key, body, sha256).hexdigest()

    def _set(self, response: Response, value: str, age: int) -> None:
        response.set_cookie(
            self.name, value, max_age=age, path="/", secure=self._secure, httponly=True, samesite=self._same_site
        )
