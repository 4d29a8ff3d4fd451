"""Logging: structlog, one JSON object a line on standard error. It names ids, and says nothing of what events say.

An exception is told by its class and the lines of code it came through, never by its text, which may quote an event.
"""

import asyncio
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TextIO, cast

import structlog

from shared import log_events
from shared.contracts.personal_identity import mask

_TEXTS: Final = 1_000

log = structlog.get_logger()


class Unfailing:
    """A stream that drops text it cannot write: a full disk is full for the log too, and a log line that raised while
    the loop seeks back would lose the batch.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, or drops it."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Writes out as much as possible."""
        with suppress(OSError):
            self._stream.flush()


class Sparing(logging.Filter):
    """Lets a library's repeated line through a few times, then once in `every` seconds, with how many were left out.

    While a broker is away aiokafka says so over a hundred times a second, in each process: an outage must not fill disks.
    """

    def __init__(self, few: int = 5, every: float = 10.0, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._few = few
        self._every = every
        self._now = now
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tells lines apart by their text before its arguments are filled in: a library has few of those."""
        now = self._now()
        if len(self._said) >= _TEXTS:  # a library that fills its texts in beforehand
            self._said.clear()
        said = self._said.setdefault((record.name, str(record.msg)), _Said(now))
        if now - said.since >= self._every:
            if said.left_out:
                record.msg, record.args = f"{record.getMessage()} ({said.left_out} more like it)", ()
            said.since, said.times, said.left_out = now, 0 if said.times < self._few else self._few - 1, 0
        said.times += 1
        if said.times > self._few:
            said.left_out += 1
            return False
        return True


@dataclass
class _Said:
    since: float
    times: int = 0
    left_out: int = 0


def configure(service: str, level: str) -> None:
    """Sets up structlog and the standard library's logging for a process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_without_text),
        _masked,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[_plain, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Sparing())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # While Kafka is away each of its clients says so several times a second; we log the cause ourselves, once.
    logging.getLogger("aiokafka").setLevel(logging.WARNING if level == "debug" else logging.CRITICAL)
    sys.excepthook = _on_the_end


def on_forgotten(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: its own would print what the exception says."""
    error = context.get("exception")
    # Beside an exception the message shows a call with its arguments.
    log.error(log_events.TASK_FAILED, what=None if error else context["message"], exc_info=error)


def _on_the_end(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    log.critical(log_events.PART_ENDED, exc_info=error)


def _without_text(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    return "\n".join(_told(exc_info[1], set()))


def _told(error: BaseException, before: set[int]) -> Iterator[str]:
    """What led to the exception first, each once."""
    before.add(id(error))
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for led_to_it in (error.__cause__ or error.__context__, *parts):
        if led_to_it is not None and id(led_to_it) not in before:
            yield from _told(led_to_it, before)
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"


def _masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = mask(value)
    return event


def _plain(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event
