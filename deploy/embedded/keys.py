"""The keys of a folder: made for the first run, added and revoked by `lahete key`.

keys.json holds them in plain text for its owner, one a holder, the newest; key-hashes.json holds what the services
know. A holder may have several keys there, so that an old one goes on while its user takes up the new.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import TypeAdapter, ValidationError

from deploy.demo.register import load_opistos
from deploy.embedded.key_changes import keep, one_editor
from deploy.embedded.state import Folder, FolderError
from shared.contracts.fields import Sender
from shared.http.keys import hash_of, new_key, read_hashes, role_of, write_hashes
from shared.private import write_private
from shared.reference import REGIONS

OPS: Final = "ops:first"
READER: Final = "reader:first"
MONITOR: Final = "service:monitor"

_SENDER: TypeAdapter[str] = TypeAdapter(Sender)
_PERSON = re.compile(r"(ops|reader):[a-z0-9._-]{1,40}")


def check_holder(holder: str) -> None:
    """Raises `ValueError` where nobody of that name may hold a key."""
    if _PERSON.fullmatch(holder):
        return
    try:
        _SENDER.validate_python(holder)
    except ValidationError as error:
        raise ValueError(_who_may(holder)) from error
    if role_of(holder) not in {"region", "opisto"}:
        raise ValueError(_who_may(holder))


def _who_may(holder: str) -> str:
    return (
        f"{holder[:80]!r} cannot hold a key: it is /region/<code> of a region that may refer, /opisto/<id>, "
        "ops:<name> or reader:<name>, the name 1 to 40 of [a-z0-9._-]"
    )


def make_keys(folder: Folder) -> None:
    """Makes what is lacking; what is there is kept. Raises `FolderError`."""
    with _editing(folder) as (keys, hashes):
        for holder in _holders():
            if holder not in keys:
                keys[holder] = new_key()
        hashes |= {hash_of(key): holder for holder, key in keys.items()}
        if MONITOR not in hashes.values() or not folder.service_key.exists():
            _forget(hashes, MONITOR)
            key = new_key()
            hashes[hash_of(key)] = MONITOR
            write_private(folder.service_key, key)


def _holders() -> Iterator[str]:
    yield from (f"/region/{code}" for code, region in sorted(REGIONS.items()) if region.may_refer)
    opistos, _ = load_opistos()
    yield from (f"/opisto/{opisto.id}" for opisto in opistos)
    yield from (OPS, READER)


def add_key(folder: Folder, holder: str) -> str:
    """A new key of a holder; older ones go on. Raises `ValueError`, `FolderError`."""
    check_holder(holder)
    key = new_key()
    with _editing(folder) as (keys, hashes):
        keep(folder, holder, "added")
        keys[holder] = key
        hashes[hash_of(key)] = holder
    return key


def revoke_keys(folder: Folder, holder: str) -> int:
    """Takes every key of a holder away; how many there were. Raises `FolderError`."""
    with _editing(folder) as (keys, hashes):
        keys.pop(holder, None)
        revoked = _forget(hashes, holder)
        if revoked:
            keep(folder, holder, "revoked")
    return revoked


def _forget(hashes: dict[str, str], holder: str) -> int:
    of_holder = [hash_ for hash_, name in hashes.items() if name == holder]
    for hash_ in of_holder:
        del hashes[hash_]
    return len(of_holder)


def read_keys(folder: Folder) -> dict[str, str]:
    """Key by holder; empty where none were made. Raises `FolderError`."""
    try:
        keys: dict[str, str] = json.loads(folder.keys.read_text())
    except FileNotFoundError:
        return {}
    except (json.JSONDecodeError, PermissionError) as error:
        raise FolderError(f"{folder.keys} cannot be read: {error}") from error
    return keys


def holders(folder: Folder) -> dict[str, int]:
    """Who holds keys, and how many."""
    counts: dict[str, int] = {}
    for holder in read_hashes(folder.hashes).values():
        counts[holder] = counts.get(holder, 0) + 1
    return dict(sorted(counts.items()))


@contextmanager
def _editing(folder: Folder) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Both files, to be changed in place; written at the end, one editor at a time."""
    with one_editor(folder):
        keys, hashes = read_keys(folder), read_hashes(folder.hashes)
        yield keys, hashes
        write_private(folder.keys, json.dumps(keys, indent=1) + "\n")
        write_hashes(folder.hashes, hashes)
