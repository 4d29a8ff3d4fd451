"""An ID token, judged (OpenID Connect Core 1.0, 3.1.3.7): signed by the issuer, for us, now, as the answer to our question."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry

from services.monitor.provider.faults import NotProven, ProviderAway

SIGNED_BY: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a private key alone: never `none`, never one by a secret that a public key could be taken for."""
LEEWAY: Final = 120
"""Seconds by which the provider's clock may differ."""
_KINDS: Final = ("RSA", "EC")
_PUBLIC: Final = ("kty", "kid", "use", "alg", "key_ops", "n", "e", "crv", "x", "y")
"""Members of a key. To read a private one holds the whole process for up to half a second."""
_MOST_KEYS: Final = 100
_LONGEST: Final = 64 * 1024


class KeyUnknown(NotProven):
    """The token names a key that is not among those fetched: the provider may have new ones."""


class TokenExpected(NamedTuple):
    """What the token must say."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str


def keys_in(said: Mapping[str, Any]) -> jwk.KeySet:
    """The provider's keys for signatures; what else stands there is passed over. Raises `ProviderAway`."""
    found = said.get("keys")
    listed = found[:_MOST_KEYS] if isinstance(found, list) else []
    if not (keys := [key for one in listed if _signs(one) and (key := _key_in(one))]):
        raise ProviderAway("the provider shows no key of the kinds RSA and EC")
    return jwk.KeySet(keys)


def _signs(one: object) -> bool:
    return isinstance(one, dict) and one.get("kty") in _KINDS and one.get("use", "sig") == "sig"


def _key_in(one: Any) -> jwk.Key | None:
    try:
        return jwk.import_key({name: one[name] for name in _PUBLIC if name in one})
    except (JoseError, ValueError, TypeError, KeyError):  # one broken key is no reason to read none
        return None


def claims_in(token: object, keys: jwk.KeySet, expected: TokenExpected, now: int) -> Mapping[str, Any]:
    """What the token says. Raises `NotProven`, and `KeyUnknown` of it."""
    if not isinstance(token, str) or not token.isascii() or len(token) > _LONGEST:
        raise NotProven("the provider's answer holds no ID token")
    try:
        read = jwt.decode(token, keys, registry=JWSRegistry(algorithms=list(SIGNED_BY), strict_check_header=False))
    except InvalidKeyIdError as error:
        raise KeyUnknown("the ID token is signed by a key that the provider does not show") from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise NotProven(f"the ID token is not signed as it must be: {type(error).__name__}") from error
    must_be = {
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
    }
    asked = {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token}
    judged = CodeIDToken(read.claims, read.header, must_be, asked)
    try:
        judged.validate(now=now, leeway=LEEWAY)
    except (JoseError, ValueError, TypeError) as error:
        raise NotProven(f"the ID token does not hold here: {_of(error)}") from error
    return dict(judged)


def _of(error: Exception) -> str:
    """Which claim it is, never its value."""
    claim = getattr(error, "claim", None)
    return f"{type(error).__name__} {claim}" if isinstance(claim, str) else type(error).__name__
