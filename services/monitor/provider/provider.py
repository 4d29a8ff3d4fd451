"""The provider by which people sign in: to it by the authorization code flow with PKCE, and back with a proof of who they are."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636.challenge import create_s256_code_challenge
from joserfc.jwk import KeySet

from services.monitor.provider.answers import ProviderAnswers
from services.monitor.provider.discovery import PATH, Endpoints, endpoints_in
from services.monitor.provider.faults import NotProven, ProviderAway
from services.monitor.provider.id_token import KeyUnknown, TokenExpected, claims_in, keys_in
from services.monitor.provider.journey import LASTS, Journey
from services.monitor.provider.renewed import Renewed
from services.monitor.provider.roles import holder_of
from services.monitor.provider_settings import ProviderTerms

KEPT: Final = 3600.0
"""Seconds for which the provider's configuration and its keys are kept."""
RESTS: Final = 10.0
"""Seconds before they are asked for again, whatever the last answer was."""


class Provider:
    """One provider, as the settings name it."""

    def __init__(
        self,
        terms: ProviderTerms,
        answers: ProviderAnswers,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terms = terms
        self._answers = answers
        self._clock = clock
        self._endpoints = Renewed(self._discover, lasts=KEPT, rests=RESTS, clock=ticks)
        self._keys = Renewed(self._fetch_keys, lasts=KEPT, rests=RESTS, clock=ticks)

    def journey(self, then: str) -> Journey:
        """A new one: nobody can guess its values."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return Journey(state, nonce, verifier, then, self._clock())

    def is_over(self, journey: Journey) -> bool:
        """Whether it began too long ago."""
        return not 0 <= self._clock() - journey.began <= LASTS

    async def way_there(self, journey: Journey) -> str:
        """The address at which the provider asks who it is. Raises `ProviderAway`."""
        endpoints = await self._endpoints.get()
        address: str = prepare_grant_uri(
            endpoints.authorization,
            self._terms.client_id,
            "code",
            self._terms.redirect,
            self._terms.scope,
            journey.state,
            nonce=journey.nonce,
            code_challenge=create_s256_code_challenge(journey.verifier),
            code_challenge_method="S256",
        )
        return address

    async def holder(self, journey: Journey, brought: Mapping[str, str]) -> str:
        """Who has come back: `ops:<name>` or `reader:<name>`. Raises `SignInFailed`.

        `brought`: what the address of the way back holds, whose state is the journey's.
        """
        endpoints = await self._endpoints.get()
        named = brought.get("iss", "" if endpoints.names_itself else self._terms.issuer)
        if named != self._terms.issuer:
            raise NotProven("another issuer sent the browser back, or one that does not name itself")
        if "error" in brought:
            raise NotProven("the provider has signed nobody in")
        granted = await self._exchange(endpoints, brought.get("code", ""), journey.verifier)
        return holder_of(await self._claims(granted, journey.nonce), self._terms.roles)

    async def way_out(self) -> str:
        """The address at which the provider ends its own session; empty where it has none. Raises `ProviderAway`."""
        endpoints = await self._endpoints.get()
        if not endpoints.end_session:
            return ""
        said = {"client_id": self._terms.client_id, "post_logout_redirect_uri": self._terms.after_sign_out}
        return f"{endpoints.end_session}{'&' if '?' in endpoints.end_session else '?'}{urlencode(said)}"

    async def _exchange(self, endpoints: Endpoints, code: str, verifier: str) -> Mapping[str, Any]:
        said = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._terms.redirect,
            "code_verifier": verifier,
        }
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        proof = ClientAuth(self._terms.client_id, self._terms.secret, endpoints.secret_by)
        url, headers, body = proof.prepare("POST", endpoints.token, form, urlencode(said))
        status, answer = await self._answers.post(url, headers, body)
        if status in (400, 401, 403):
            raise NotProven(f"the provider takes neither the code nor us: {_error_in(answer)}")
        if status != 200:
            raise ProviderAway(f"the provider answers {status} to a code")
        return answer

    async def _claims(self, granted: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        expected = TokenExpected(self._terms.issuer, self._terms.client_id, nonce, str(granted.get("access_token", "")))
        token, now = granted.get("id_token"), int(self._clock())
        try:
            return claims_in(token, await self._keys.get(), expected, now)
        except KeyUnknown:  # it has new ones
            return claims_in(token, await self._keys.anew(), expected, now)

    async def _discover(self) -> Endpoints:
        said = await self._answers.get(self._terms.issuer.rstrip("/") + PATH)
        return endpoints_in(said, self._terms.issuer, needs_tls=self._terms.needs_tls)

    async def _fetch_keys(self) -> KeySet:
        return keys_in(await self._answers.get((await self._endpoints.get()).keys))


_ERRORS: Final = ("invalid_client", "invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type")


def _error_in(answer: Mapping[str, Any]) -> str:
    """One of OAuth's own words: the log keeps no other."""
    return error if (error := answer.get("error")) in _ERRORS else "for a reason of its own"
