"""The keys of a folder, added and revoked by `lahete key`.

key-hashes.json holds the keys' hashes for the services, and the revoked holders. A holder may have several keys, so
that an old one goes on while its user takes up the new. `lahete key` shows a plain key once, when it makes it, and
keeps it nowhere; only demo and test make one for everybody, and keep the newest of each in keys.json.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
from pydantic import TypeAdapter, ValidationError

from deploy.local.key_changes import keep, one_editor
from deploy.local.state import Folder, FolderError
from shared.contracts.fields import Partner
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.http.keys import KeptKeys, hash_of, new_key, read_kept, role_of, write_hashes
from shared.private import write_private
from shared.reference import REGIONS

OPS: Final = "ops:first"
READER: Final = "reader:first"
MONITOR: Final = "service:monitor"

_SENDER: TypeAdapter[str] = TypeAdapter(Partner)
_PERSON = re.compile(r"(ops|reader):[a-z0-9._-]{1,40}")


def check_holder(holder: str) -> None:
    """Raises `ValueError` for a name that may not hold a key."""
    if holder == MONITOR or _PERSON.fullmatch(holder):
        return
    try:
        _SENDER.validate_python(holder)
    except ValidationError as error:
        raise ValueError(_who_may(holder)) from error
    if role_of(holder) not in PARTNER_KINDS:
        raise ValueError(_who_may(holder))


def _who_may(holder: str) -> str:
    return (
        f"{holder[:80]!r} cannot hold a key: it is /region/<code> of a region that may refer, "
        "/opisto/<id>, /municipality/<code>, /association/<id>, /library/<id>, "
        f"ops:<name> or reader:<name>, the name 1 to 40 of [a-z0-9._-], or {MONITOR}"
    )


def make_keys(folder: Folder, opistos: Iterable[str] = ()) -> None:
    """For demo and test: a key for each region, these opistos and the first people, in plain text.

    A holder who has one gets no other, nor does a revoked one. Raises `FolderError`.
    """
    make_keys_of(folder, _holders(opistos))


def make_keys_of(folder: Folder, named: Iterable[str]) -> None:
    """For demo and test: a key for each of these holders, in plain text. Raises `FolderError`."""
    with _editing(folder) as keys:
        keys.plain = {holder: key for holder, key in (keys.plain or {}).items() if holder not in keys.revoked}
        known = set(keys.hashes.values())
        keys.hashes |= {hash_of(key): holder for holder, key in keys.plain.items() if holder not in known}
        for holder in named:
            if holder not in keys.revoked | keys.plain.keys():
                keys.plain[holder] = keys.give(holder)


def _holders(opistos: Iterable[str]) -> Iterator[str]:
    yield from (f"/region/{code}" for code, region in sorted(REGIONS.items()) if region.may_refer)
    yield from opistos
    yield from (OPS, READER)


def check_nothing_is_plain(folder: Folder) -> None:
    """Production keeps hashes alone. Raises `FolderError`."""
    if folder.keys.exists():
        raise FolderError(
            f"{folder.keys} holds keys in plain text, which is for demo and test: production starts in a folder of its own, "
            "named with --dir, and `lahete key add` makes its keys; or set LAHETE_ENV=demo"
        )


def make_monitors_key(folder: Folder) -> None:
    """The key with which the monitor asks the other services, in a file of its own. Raises `FolderError`."""
    with _editing(folder) as keys:
        kept = folder.service_key.read_text() if folder.service_key.exists() else ""
        if keys.hashes.get(hash_of(kept)) != MONITOR:
            keys.forget(MONITOR)
            write_private(folder.service_key, keys.give(MONITOR))


def know_monitors_key(folder: Folder, key: str) -> None:
    """Takes a key of the monitor's that is kept elsewhere: its hash replaces the former one. Raises `FolderError`."""
    with _editing(folder) as keys:
        keys.forget(MONITOR)
        keys.hashes[hash_of(key)] = MONITOR


def add_key(folder: Folder, holder: str) -> str:
    """A new key of a holder; older ones go on, except the monitor's. Raises `ValueError`, `FolderError`."""
    check_holder(holder)
    with _editing(folder) as keys:
        keep(folder, holder, "added")
        if holder == MONITOR:
            keys.forget(holder)
        key = keys.give(holder)
        keys.revoked.discard(holder)
        if keys.plain is not None and holder != MONITOR:
            keys.plain[holder] = key
    return key


def revoke_keys(folder: Folder, holder: str) -> int:
    """Revokes every key of a holder; how many there were. Raises `ValueError`, `FolderError`."""
    if holder == MONITOR:
        raise ValueError(f"{MONITOR}'s key is the platform's own; `lahete key add {MONITOR}` puts another in its place")
    with _editing(folder) as keys:
        revoked = keys.forget(holder)
        if revoked:
            keep(folder, holder, "revoked")
            keys.revoked.add(holder)
    return revoked


def read_keys(folder: Folder) -> dict[str, str]:
    """Key by holder, as demo and test keep them; empty elsewhere. Raises `FolderError`."""
    try:
        return msgspec.json.decode(folder.keys.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, PermissionError) as error:
        raise FolderError(f"{folder.keys} cannot be read: {error}") from error


def holders(folder: Folder) -> dict[str, int]:
    """The holders of keys, with their number. Raises `FolderError`."""
    counts: dict[str, int] = {}
    for holder in _kept(folder).keys.values():
        counts[holder] = counts.get(holder, 0) + 1
    return dict(sorted(counts.items()))


def _kept(folder: Folder) -> KeptKeys:
    try:
        return read_kept(folder.hashes)
    except (msgspec.MsgspecError, PermissionError) as error:
        raise FolderError(f"{folder.hashes} cannot be read: {error}; put it back from a backup") from error


@dataclass
class _Keys:
    """The folder's keys. `plain`, the newest of each holder: None except in demo and test."""

    plain: dict[str, str] | None
    hashes: dict[str, str]
    revoked: set[str]

    def give(self, holder: str) -> str:
        key = new_key()
        self.hashes[hash_of(key)] = holder
        return key

    def forget(self, holder: str) -> int:
        if self.plain is not None:
            self.plain.pop(holder, None)
        of_holder = [hash_ for hash_, name in self.hashes.items() if name == holder]
        for hash_ in of_holder:
            del self.hashes[hash_]
        return len(of_holder)


@contextmanager
def _editing(folder: Folder) -> Iterator[_Keys]:
    """The files, for changes in place; writes them at the end, one editor at a time."""
    with one_editor(folder):
        plain = read_keys(folder) if folder.keys.exists() else None
        kept = _kept(folder)
        keys = _Keys(plain, kept.keys, kept.revoked)
        yield keys
        if keys.plain is not None:
            write_private(folder.keys, json.dumps(keys.plain, indent=1) + "\n")
        write_hashes(folder.hashes, keys.hashes, keys.revoked)
