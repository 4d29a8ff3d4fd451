"""Sessions of the console: who has signed in, in a signed cookie, so that nothing is kept of it here.

A session ends half an hour after its last page, eight hours after its beginning, and with the key, or with the terms of the
provider, that began it.
"""

import secrets
import time
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.monitor.console.signed import SignedCookie
from shared.http.keys import Keyring

IDLE: Final = 30 * 60
LONGEST: Final = 8 * 3600


class SignedIn(msgspec.Struct, frozen=True):
    """One session. `key`: the hash of the key, or the mark of the provider's terms; times are seconds since 1970."""

    holder: str
    key: str
    id: str
    began: float
    last: float


class Sessions:
    """Begins, reads and ends sessions. `provider_mark`: that of sessions by the provider; empty where there is none."""

    def __init__(
        self, secret: str, *, secure: bool, provider_mark: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        # Strict: it comes along from this site's own pages alone.
        self._cookie = SignedCookie(
            "lahete", SignedIn, secret, b"the console's sessions", secure=secure, same_site="strict"
        )
        self._clock = clock
        self._provider_mark = provider_mark
        self.cookie = self._cookie.name

    def begin(self, holder: str, key_hash: str) -> SignedIn:
        """A new session."""
        now = self._clock()
        return SignedIn(holder, key_hash, secrets.token_urlsafe(16), now, now)

    def begin_by_provider(self, holder: str) -> SignedIn:
        """A new session of somebody for whom the provider answers."""
        assert self._provider_mark
        return self.begin(holder, self._provider_mark)

    def is_by_provider(self, session: SignedIn) -> bool:
        """Whether the provider, as the settings have it now, answers for who this is."""
        return bool(self._provider_mark) and session.key == self._provider_mark

    def of(self, request: HTTPConnection, keyring: Keyring) -> SignedIn | None:
        """The session of a request; None where there is none, it is over, or its key is gone."""
        session = self._cookie.read(request)
        now = self._clock()
        if session is None or now - session.last > IDLE or now - session.began > LONGEST:
            return None
        return session if self.is_by_provider(session) or keyring.holder_by(session.key) == session.holder else None

    def keep(self, response: Response, session: SignedIn) -> None:
        """Lets the session go on from now."""
        self._cookie.put(response, msgspec.structs.replace(session, last=self._clock()), IDLE)

    def end(self, response: Response) -> None:
        """Takes the cookie away."""
        self._cookie.remove(response)

    def form_token(self, session: SignedIn) -> str:
        """What a form of this session must bring along, so that no other site's form acts here."""
        return self._cookie.sign(f"form {session.id}".encode())
