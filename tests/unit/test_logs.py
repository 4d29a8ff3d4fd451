"""What is logged where nothing can be written."""

import errno
import io
import logging

import structlog

from shared.process.logs import Sparing, Unfailing


class FullDisk(io.StringIO):
    """Takes nothing."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_cannot_be_written_is_lost_and_raises_nothing() -> None:
    """The loop logs before it goes back for a batch: what raised there would jump over the batch."""
    log = structlog.WriteLogger(Unfailing(FullDisk()))  # type: ignore[arg-type]
    log.warning("the batch comes again")


def test_what_can_be_written_is() -> None:
    stream = io.StringIO()
    structlog.WriteLogger(Unfailing(stream)).warning("the batch comes again")  # type: ignore[arg-type]
    assert stream.getvalue() == "the batch comes again\n"


# --- what a library repeats


def _record(text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, text, values, None)


def _said(sparing: Sparing, text: str, *values: object) -> str | None:
    record = _record(text, *values)
    return record.getMessage() if sparing.filter(record) else None


def test_a_library_that_repeats_itself_is_heard_a_few_times_and_then_once_in_a_while_with_how_often() -> None:
    now = [0.0]
    sparing = Sparing(few=3, every=10, now=lambda: now[0])
    at_first = [_said(sparing, "Unable connect to node with id %s", 1) for _ in range(100)]
    assert [one for one in at_first if one] == ["Unable connect to node with id 1"] * 3
    now[0] = 10.0
    later = [_said(sparing, "Unable connect to node with id %s", 1) for _ in range(100)]
    assert [one for one in later if one] == ["Unable connect to node with id 1 (97 more like it)"]
    now[0] = 20.0
    assert (
        _said(sparing, "Unable connect to node with id %s", 1) == "Unable connect to node with id 1 (99 more like it)"
    )


def test_what_is_said_now_and_then_is_always_heard_and_so_is_what_is_said_beside_a_repetition() -> None:
    now = [0.0]
    sparing = Sparing(few=3, every=10, now=lambda: now[0])
    for _ in range(50):
        _said(sparing, "Unable to update metadata")
        now[0] += 5
        assert _said(sparing, "Marking the coordinator dead") == "Marking the coordinator dead"
