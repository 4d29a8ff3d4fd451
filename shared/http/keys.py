"""Keys and their holders: a file of hashes alone, which every service reads and `lahete key` writes.

A key belongs to a sender (`/region/06`) or to a named person's role (`ops:anna`, `reader:anna`). It has 256 random
bits, so a plain SHA-256 of it cannot be searched through.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request

from shared.http.problems import ProblemError
from shared.private import write_private

SIGNED_IN: Final = "lahete.signed_in"
"""Where a request made in this process names its holder, who has shown the key before. Nothing from outside gets there."""


class Keyring:
    """All keys. Reads the file again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._holders: Mapping[str, str] = {}
        self._fault = ""

    def fault(self) -> str | None:
        """Why no key is known: the file is there and holds something else. A file that is not there has no keys."""
        self._refresh()
        return self._fault or None

    def holder(self, key: str) -> str | None:
        """The holder of a key."""
        return self.holder_by(hash_of(key))

    def holder_by(self, key_hash: str) -> str | None:
        """The holder of the key with this hash. Raises 503 where the file cannot be read: whom it revoked is unknown."""
        if self.fault():
            raise ProblemError(503, "this service cannot read its keys now; its operator sees why at /health/ready")
        return self._holders.get(key_hash)

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._holders, self._fault = None, {}, ""
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        try:
            self._holders, self._fault = read_kept(self._path).keys, ""
        except (OSError, msgspec.MsgspecError) as error:
            self._holders = {}
            self._fault = (
                f"{self._path.name} holds no hashes of keys ({error}); `lahete key` writes it, a backup has it"
            )
        self._stamp = stamp


def hash_of(key: str) -> str:
    """The hash that we keep of a key."""
    return sha256(key.encode()).hexdigest()


def new_key() -> str:
    """A key: 256 random bits."""
    return "lahete_" + secrets.token_urlsafe(32)


class KeptKeys(msgspec.Struct):
    """What is kept of keys: holder by hash; and holders whose keys were revoked and who have no new one since."""

    keys: dict[str, str]
    revoked: set[str] = msgspec.field(default_factory=set)


def read_kept(path: Path) -> KeptKeys:
    """The file of hashes; empty where there is none. Raises `msgspec.MsgspecError` where it holds something else."""
    return msgspec.json.decode(path.read_bytes(), type=KeptKeys) if path.exists() else KeptKeys({})


def write_hashes(path: Path, holders: Mapping[str, str], revoked: Iterable[str] = ()) -> None:
    """Replaces the file whole, so that a reader never sees half of it."""
    document = {"keys": dict(holders), "revoked": sorted(revoked)}
    write_private(path, json.dumps(document, indent=1, sort_keys=True))


def bearer(request: Request) -> str | None:
    """The holder of the request's key; None without a key or with an unknown one."""
    if signed_in := request.scope.get(SIGNED_IN):
        return str(signed_in)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    keyring: Keyring = request.app.state.keyring
    return keyring.holder(key.strip()) if scheme.lower() == "bearer" else None


def who_asks(request: Request) -> str:
    """The holder of the request's key. Raises 401, and 429 where it asks too often."""
    holder = bearer(request)
    if holder is None:
        why = "unknown" if "authorization" in request.headers else "none"
        advice = "send the header Authorization: Bearer <key>, with a key that `lahete key` knows"
        raise ProblemError(401, advice, why=why)
    request.app.state.rates.requests.take(holder)
    return holder


def role_of(holder: str) -> str:
    """`ops`, `reader`, `service`; for a sender its kind: `region`, `opisto`, …"""
    return holder[1:].partition("/")[0] if holder.startswith("/") else holder.partition(":")[0]


def must_be(request: Request, *roles: str) -> str:
    """The holder of the request's key, who must have one of the roles. Raises 401, 403."""
    holder = who_asks(request)
    if role_of(holder) not in roles:
        raise not_for(holder, roles)
    return holder


def not_for(holder: str, roles: Iterable[str]) -> ProblemError:
    """The answer to a holder who has none of the roles."""
    return ProblemError(403, f"{holder} may not ask this; it is for {' or '.join(roles)}")
