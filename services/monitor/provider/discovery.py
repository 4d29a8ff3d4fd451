"""The provider's configuration (OpenID Connect Discovery 1.0), judged: pure."""

from collections.abc import Mapping
from ipaddress import ip_address
from socket import inet_aton
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from services.monitor.provider.faults import ProviderAway

PATH: Final = "/.well-known/openid-configuration"
_POST: Final = "client_secret_post"


class Endpoints(NamedTuple):
    """Where the provider does what, and how.

    `end_session`: empty where it has none. `names_itself`: it adds `iss` to what it sends back (RFC 9207).
    """

    authorization: str
    token: str
    keys: str
    end_session: str
    secret_by: str
    names_itself: bool


def endpoints_in(said: Mapping[str, Any], issuer: str, *, needs_tls: bool) -> Endpoints:
    """The endpoints. Raises `ProviderAway` where the document is another issuer's or leads elsewhere than it may."""
    if said.get("issuer") != issuer:
        raise ProviderAway("the provider's configuration names another issuer than LAHETE_OIDC_ISSUER")
    supported = said.get("token_endpoint_auth_methods_supported")
    return Endpoints(
        _address(said, "authorization_endpoint", issuer, needs_tls=needs_tls),
        _address(said, "token_endpoint", issuer, needs_tls=needs_tls),
        _address(said, "jwks_uri", issuer, needs_tls=needs_tls),
        _address(said, "end_session_endpoint", issuer, needs_tls=needs_tls) if "end_session_endpoint" in said else "",
        # Basic would have the secret percent-encoded first (RFC 6749, 2.3.1), on which providers differ.
        _POST if isinstance(supported, list) and _POST in supported else "client_secret_basic",
        said.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(said: Mapping[str, Any], name: str, issuer: str, *, needs_tls: bool) -> str:
    address = said.get(name)
    if not isinstance(address, str) or not is_address(address, needs_tls=needs_tls):
        raise ProviderAway(f"the provider's configuration has no usable {name}")
    if _is_inside(address) and not _is_inside(issuer):
        raise ProviderAway(f"{name} in the provider's configuration leads into a private network")
    return address


def is_address(address: str, *, needs_tls: bool) -> bool:
    """Whether it is one of HTTP, without login and fragment; over TLS, where that is needed."""
    if not address.isascii() or not address.isprintable() or any(mark in address for mark in ' "<>\\'):
        return False
    try:
        parts = urlsplit(address)
        there = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    schemes = ("https",) if needs_tls else ("https", "http")
    return there and parts.scheme in schemes and "@" not in parts.netloc and not parts.fragment


def _is_inside(address: str) -> bool:
    """Whether the host is this machine's or a private network's, as far as the address says it, in whatever spelling."""
    host = (urlsplit(address).hostname or "").removesuffix(".")
    try:
        return not ip_address(host if ":" in host else inet_aton(host)).is_global
    except (ValueError, OSError):
        return host == "localhost" or host.endswith(".localhost")
