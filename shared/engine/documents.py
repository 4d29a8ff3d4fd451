"""How an aggregate's document lies in a row of the store: the outbox apart, so that emptying it rewrites nothing else."""

from typing import Any

import msgspec

from shared.engine.model import Document, Kind, Out
from shared.store import Row

Decoder = msgspec.json.Decoder[Document[Any]]


class _Outbox(msgspec.Struct, array_like=True):
    since: float | None
    entries: list[Out]


_OUTBOX = msgspec.json.Decoder(_Outbox)


def decoder_of(kind: Kind[Any]) -> Decoder:
    """The decoder that `read` needs for the documents of one kind."""
    return msgspec.json.Decoder(Document[kind.state])  # type: ignore[name-defined]


def read(row: Row, decoder: Decoder) -> Document[Any]:
    """The whole document. A document of an earlier version of the program has its outbox in the body."""
    document = decoder.decode(row.body)
    if row.outbox:
        outbox = _OUTBOX.decode(row.outbox)
        document.outbox_since, document.outbox = outbox.since, outbox.entries
    return document


def written(document: Document[Any]) -> tuple[bytes, bytes]:
    """The body, and the outbox unless it is empty."""
    if not document.outbox:
        return msgspec.json.encode(document), b""
    body = msgspec.structs.replace(document, outbox=[], outbox_since=None)
    return msgspec.json.encode(body), msgspec.json.encode(_Outbox(document.outbox_since, document.outbox))
