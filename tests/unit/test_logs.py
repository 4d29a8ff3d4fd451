"""What is logged where nothing can be written."""

import errno
import io

import structlog

from shared.logs import Unfailing


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
