"""Lines of events on their way to a door: gathered by source, sent, and told apart when the door refuses one of them.

A door takes a batch whole or refuses it whole, so the lines of a refused batch go again one by one. Order is kept.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from cli.ask import problem
from cli.failure import VerbError

MOST_AT_ONCE: Final = 100
MOST_BYTES: Final = 4 * 1024 * 1024
RETRY_SECONDS: Final = 30.0

_SINGLE: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_NOT_NOW: Final = frozenset({429, 500, 502, 503, 504})
_NO_DOOR: Final = frozenset({404, 405})


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds an event of a source, byte for byte."""

    number: int
    source: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused line, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class EmitResult:
    """The results of the lines."""

    accepted: int = 0
    refused: list[Refused] = field(default_factory=list)


def read_line(number: int, text: bytes) -> Line | Refused:
    """The line's event, with its sender; the door judges the rest."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Refused(number, f"no JSON: {error}")
    source = event.get("source") if isinstance(event, dict) else None
    if not isinstance(source, str):
        return Refused(number, "no CloudEvent: an object with a source is needed")
    return Line(number, source, text)


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without empty ones."""
    for number, text in enumerate(lines, 1):
        if stripped := text.strip().removeprefix(b"\xef\xbb\xbf"):
            yield number, stripped


def gathered(lines: Iterable[Line | Refused]) -> Iterator[list[Line] | Refused]:
    """Consecutive lines of one source together; refusals in their place."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        full = len(batch) == MOST_AT_ONCE or (isinstance(line, Line) and size + len(line.text) > MOST_BYTES)
        if batch and (full or isinstance(line, Refused) or line.source != batch[0].source):
            yield batch
            batch, size = [], 0
        if isinstance(line, Refused):
            yield line
        else:
            batch.append(line)
            size += len(line.text)
    if batch:
        yield batch


class Sender:
    """Sends lines to one door with the keys of their sources."""

    def __init__(
        self,
        door: httpx.Client,
        key_of: Callable[[str], str | None],
        refused: Callable[[Refused], None],
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._door = door
        self._key_of = key_of
        self._refused = refused
        self._retry_seconds = retry_seconds
        self.result = EmitResult()

    def send(self, lines: Iterable[bytes]) -> EmitResult:
        """Sends all lines; reports a refused one at once and goes on.

        Raises:
            VerbError: the door did not answer for 30 s, or only that it cannot now, or is none; says which, and at which line.
        """
        for item in gathered(read_line(number, text) for number, text in numbered(lines)):
            if isinstance(item, Refused):
                self._refuse(item)
            else:
                self._send_batch(item)
        return self.result

    def _send_batch(self, batch: list[Line]) -> None:
        key = self._key_of(batch[0].source)
        if key is None:
            for line in batch:
                self._refuse(Refused(line.number, f"no key of {line.source[:80]!r}: --key-file names its file"))
            return
        response = self._post(batch, key)
        if response.is_success:
            self.result.accepted += len(batch)
        elif response.status_code in _NO_DOOR or response.is_redirect:
            raise self._not_sent(
                batch, f"{response.status_code}: this is no door, which referral, catalogue and feedback have"
            )
        elif len(batch) == 1:
            self._refuse(Refused(batch[0].number, problem(response)))
        else:
            for line in batch:
                self._send_batch([line])

    def _refuse(self, refused: Refused) -> None:
        self.result.refused.append(refused)
        self._refused(refused)

    def _post(self, batch: list[Line], key: str) -> httpx.Response:
        """The door's final answer: taken or refused."""
        deadline = time.monotonic() + self._retry_seconds
        pause = 0.1
        while True:
            answer = self._post_once(batch, key)
            if isinstance(answer, httpx.Response):
                if answer.status_code not in _NOT_NOW:
                    return answer
                pause, why = _retry_after(answer) or pause, problem(answer)
            else:
                why = f"no answer: {answer or type(answer).__name__}"
            if time.monotonic() + pause > deadline:
                raise self._not_sent(batch, why)
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _not_sent(self, batch: list[Line], why: str) -> VerbError:
        return VerbError(
            f"line {batch[0].number} and what follows: not sent: {self._door.base_url}: {why} "
            f"({self.result.accepted} accepted, {len(self.result.refused)} refused before it)"
        )

    def _post_once(self, batch: list[Line], key: str) -> httpx.Response | httpx.TransportError:
        single = len(batch) == 1
        body = batch[0].text if single else b"[" + b",".join(line.text for line in batch) + b"]"
        headers: dict[str, Any] = {
            "Authorization": f"Bearer {key}",
            "Content-Type": _SINGLE if single else _BATCH,
        }
        try:
            return self._door.post("/v1/events", content=body, headers=headers)
        except httpx.TransportError as error:
            return error


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None
