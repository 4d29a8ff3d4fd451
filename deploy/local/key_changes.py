"""Changes of keys on their way to `audit.events`: kept in the folder until Kafka has acknowledged them.

`lahete key` also works where nothing runs, so it keeps a change before making it, and the verb itself or the next start
publishes it. A change published twice, after a crash in between, has the same id. It holds neither a key nor its hash.
"""

import asyncio
import fcntl
import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

import msgspec

from deploy.local.state import Folder, FolderError, writing
from shared.clock import real_now
from shared.contracts import topics
from shared.contracts.envelope import Event, attributes_of, kafka_headers
from shared.contracts.every_service_events import AccessRecorded
from shared.contracts.identity import derived_id
from shared.kafka.cluster import Cluster
from shared.kafka.producer import Publisher, Record
from shared.private import open_private, write_private

_ACKNOWLEDGED_WITHIN = 5.0


class KeyChange(msgspec.Struct, frozen=True):
    """A change: who changed whose keys, and how."""

    time: datetime
    who: str
    holder: str
    change: Literal["added", "revoked"]


@contextmanager
def one_editor(folder: Folder) -> Iterator[None]:
    """Locks the keys and their changes; waits for another process that holds them. Raises `FolderError`."""
    with writing(folder), open_private(folder.path / "keys.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keep(folder: Folder, holder: str, change: Literal["added", "revoked"]) -> None:
    """Keeps a change before it is made; the caller is the one editor. Raises `FolderError`."""
    pending = [*pending_changes(folder), KeyChange(real_now(), _who(), holder, change)]
    write_private(folder.key_changes, msgspec.json.encode(pending).decode())


def pending_changes(folder: Folder) -> list[KeyChange]:
    """The changes that Kafka may not have yet. Raises `FolderError`."""
    try:
        return msgspec.json.decode(folder.key_changes.read_bytes(), type=list[KeyChange])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        raise FolderError(f"{folder.key_changes} cannot be read: {error}") from error


def tell_changes(folder: Folder, kafka: Cluster) -> None:
    """Publishes the pending changes, then forgets them. Raises `BrokerUnavailable`, `FolderError`: they stay then."""
    with one_editor(folder):
        if pending := pending_changes(folder):
            asyncio.run(_publish(kafka, [record_of(change) for change in pending]))
            folder.key_changes.unlink()


async def _publish(kafka: Cluster, records: Sequence[Record]) -> None:
    publisher = Publisher.to(kafka)
    try:
        await publisher.start()
        await publisher.publish(records, within=_ACKNOWLEDGED_WITHIN)
    finally:
        await publisher.stop()


def record_of(change: KeyChange) -> Record:
    """The change as an event on `audit.events`, in the monitor's name, as all that ops does."""
    data = AccessRecorded(
        who=change.who,
        action="key",
        what=change.holder,
        ground="command line",
        allowed=True,
        change=change.change,
    )
    id_ = derived_id("key", change.time.isoformat(), change.holder, change.change)
    event = Event(id_, "/service/monitor", change.time, data)
    return Record(
        topics.AUDIT,
        data.subject.encode(),
        data.model_dump_json(exclude_none=True).encode(),
        kafka_headers(attributes_of(event)),
    )


def _who() -> str:
    # The system's word, not the environment's, which anyone may set.
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"shell:{os.getuid()}"
