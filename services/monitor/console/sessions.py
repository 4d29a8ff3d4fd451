"""Sessions of the console: who has signed in, in a signed cookie, so that nothing is kept of it here.

A session ends half an hour after its last page, eight hours after its beginning, and with the key that began it.
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from shared.http.keys import Keyring

IDLE: Final = 30 * 60
LONGEST: Final = 8 * 3600
_LONGEST_COOKIE: Final = 1_000


class SignedIn(msgspec.Struct, frozen=True):
    """One session. `key`: the hash of the key; times are seconds since 1970."""

    holder: str
    key: str
    id: str
    began: float
    last: float


_COOKIE: Final = msgspec.json.Decoder(SignedIn)


class Sessions:
    """Begins, reads and ends sessions. Without a secret of its own each process has one by chance, until it ends."""

    def __init__(self, secret: str, *, secure: bool, clock: Callable[[], float] = time.time) -> None:
        key = secret.encode() or secrets.token_bytes(32)
        self._key = hmac.digest(key, b"the console's sessions", "sha256")
        self._clock = clock
        self._secure = secure
        self.cookie = "__Host-lahete" if secure else "lahete"
        """Browsers take a cookie of the first name over TLS alone, from this host alone."""

    def begin(self, holder: str, key_hash: str) -> SignedIn:
        """A new session."""
        now = self._clock()
        return SignedIn(holder, key_hash, secrets.token_urlsafe(16), now, now)

    def of(self, request: HTTPConnection, keyring: Keyring) -> SignedIn | None:
        """The session of a request; None where there is none, it is over, or its key is gone."""
        session = self._read(request.cookies.get(self.cookie, ""))
        now = self._clock()
        if session is None or now - session.last > IDLE or now - session.began > LONGEST:
            return None
        return session if keyring.holder_by(session.key) == session.holder else None

    def keep(self, response: Response, session: SignedIn) -> None:
        """Lets the session go on from now."""
        body = urlsafe_b64encode(msgspec.json.encode(msgspec.structs.replace(session, last=self._clock())))
        self._set(response, f"{body.decode()}.{self._sign(body)}", IDLE)

    def end(self, response: Response) -> None:
        """Takes the cookie away."""
        self._set(response, "", 0)

    def form_token(self, session: SignedIn) -> str:
        """What a form of this session must bring along, so that no other site's form acts here."""
        return self._sign(f"form {session.id}".encode())

    def _set(self, response: Response, value: str, age: int) -> None:
        response.set_cookie(
            self.cookie, value, max_age=age, path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    def _read(self, cookie: str) -> SignedIn | None:
        body, _, signature = cookie[:_LONGEST_COOKIE].partition(".")
        if not hmac.compare_digest(self._sign(body.encode()).encode(), signature.encode()):
            return None
        try:
            return _COOKIE.decode(urlsafe_b64decode(body))
        except (msgspec.MsgspecError, NoBase64):  # of another version, under the same key
            return None

    def _sign(self, body: bytes) -> str:
        return hmac.new(self._key, body, sha256).hexdigest()
