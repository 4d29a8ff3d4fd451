"""The settings of signing in by OpenID Connect: whose word counts, who we are to him, and which of his people are ops and readers."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from services.monitor.provider.discovery import is_address
from services.monitor.provider.roles import RoleTerms
from shared.process.addresses import without_secrets
from shared.process.settings import PlatformSettings, stop_start

BACK: Final = "/sign-in/provider/back"
"""Where the provider sends the browser: the address that is registered with it, behind the console's own."""
_Address = Annotated[str, without_secrets("the client's secret belongs in the file of LAHETE_OIDC_CLIENT_SECRET_FILE")]
_Values = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=300)], ...], Field(max_length=50)]


class ProviderTerms(NamedTuple):
    """What is agreed with the provider. `redirect`, `after_sign_out`: addresses of the console that it may lead to."""

    issuer: str
    client_id: str
    secret: str
    redirect: str
    after_sign_out: str
    scope: str
    roles: RoleTerms
    needs_tls: bool


class ProviderSettings(PlatformSettings):
    """All of them, or none: half a provider stops the start."""

    oidc_issuer: _Address = Field(
        "", description="the OpenID Connect provider's issuer; with the extra oidc; empty: none"
    )
    oidc_client_id: str = Field("", max_length=200, pattern=r"^[\x21-\x7e]*$", description="who the console is to it")
    oidc_client_secret_file: Path | None = Field(
        None, description="the file of the secret that goes with the client's id"
    )
    oidc_console_url: _Address = Field("", description="the console's address in browsers, https://host")
    oidc_scope: str = Field(
        "openid",
        pattern=r"^openid( [\x21-\x7e]+)*$",
        description="what the provider is asked for: openid, and a scope of roles",
    )
    oidc_role_claim: str = Field("groups", min_length=1, description="the claim of the ID token that holds the roles")
    oidc_ops: _Values = Field((), description="JSON: the values of that claim that make somebody ops")
    oidc_readers: _Values = Field((), description="JSON: the values of that claim that make somebody a reader")
    oidc_name_claim: str = Field(
        "sub",
        min_length=1,
        description="the claim by which the audit names somebody: never reassigned, nobody chooses it himself",
    )

    @model_validator(mode="after")
    def _the_provider_is_whole(self) -> Self:
        needed = ("oidc_issuer", "oidc_client_id", "oidc_client_secret_file", "oidc_console_url")
        given = [name for name in type(self).model_fields if name.startswith("oidc_") and name in self.model_fields_set]
        if not given:
            return self
        if lacking := [f"LAHETE_{name.upper()}" for name in needed if not getattr(self, name)]:
            raise ValueError(
                f"LAHETE_{given[0].upper()} is set, and {', '.join(lacking)} is not: all of these, or none"
            )
        if not (self.oidc_ops or self.oidc_readers):
            raise ValueError("LAHETE_OIDC_OPS or LAHETE_OIDC_READERS must say who may sign in")
        if both := set(self.oidc_ops) & set(self.oidc_readers):
            raise ValueError(
                f"{min(both)[:80]!r} is in LAHETE_OIDC_OPS and in LAHETE_OIDC_READERS; it can be one of them"
            )
        for name in ("oidc_issuer", "oidc_console_url"):
            if not is_address(getattr(self, name), needs_tls=self._needs_tls()) or "?" in getattr(self, name):
                kind = "https://" if self._needs_tls() else "https:// or http://"
                raise ValueError(f"LAHETE_{name.upper()} is to be an address that begins with {kind}")
        if urlsplit(self.oidc_console_url).path.strip("/"):
            raise ValueError("LAHETE_OIDC_CONSOLE_URL ends with the host: the console's pages stand at the root of one")
        return self

    def provider(self) -> ProviderTerms | None:
        """What is agreed with the provider; None without one. Ends the start where the secret cannot be read."""
        if not self.oidc_issuer:
            return None
        console = self.oidc_console_url.rstrip("/")
        roles = RoleTerms(self.oidc_role_claim, self.oidc_ops, self.oidc_readers, self.oidc_name_claim)
        return ProviderTerms(
            self.oidc_issuer,
            self.oidc_client_id,
            self._client_secret(),
            console + BACK,
            f"{console}/sign-in",
            self.oidc_scope,
            roles,
            self._needs_tls(),
        )

    def provider_mark(self) -> str:
        """What a session by the provider carries: with other terms, or without a provider, it is over. Empty without."""
        terms = (self.oidc_issuer, self.oidc_client_id, self.oidc_role_claim, self.oidc_ops, self.oidc_readers)
        said = repr((*terms, self.oidc_name_claim)).encode()
        return f"provider {sha256(said).hexdigest()}" if self.oidc_issuer else ""

    def _needs_tls(self) -> bool:
        return self.env == "production"

    def _client_secret(self) -> str:
        file = self.oidc_client_secret_file
        assert file
        try:
            secret = file.read_text(encoding="ascii").strip()
        except OSError as error:
            stop_start(f"LAHETE_OIDC_CLIENT_SECRET_FILE: {file} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            stop_start(f"LAHETE_OIDC_CLIENT_SECRET_FILE: {file} is no ASCII text; it is to hold the client's secret")
        if not secret:
            stop_start(f"LAHETE_OIDC_CLIENT_SECRET_FILE: {file} is empty; it is to hold the client's secret")
        return secret
