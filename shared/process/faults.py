"""Faults that need a hand inside, for tests: settings refuse them everywhere else."""

import os
import signal
import time
from collections.abc import Callable
from typing import Literal, get_args

Step = Literal["received", "loaded", "recalled", "saved", "published", "cleared"]
"""The steps of the engine after which a test can end or pause it."""


def pause(text: str) -> tuple[Step, float] | None:
    """`saved=30`: the step, and the seconds for which the whole process stands still after it; None for no text."""
    if not text:
        return None
    step, _, seconds = text.partition("=")
    if step not in get_args(Step) or not seconds.isdecimal():
        raise ValueError(f"{text!r}: it is <step>=<whole seconds>, the step one of {', '.join(get_args(Step))}")
    return step, float(seconds)  # type: ignore[return-value]


def between(crash_at: Step | None, pause_at: tuple[Step, float] | None) -> Callable[[str], None]:
    """What the engine calls after each step. It pauses once: a batch that comes again must come through."""
    left = [pause_at] if pause_at else []

    def inject(step: str) -> None:
        if step == crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if left and left[0][0] == step:
            # The whole process stands still, heartbeats as well: the others of the group take it for dead.
            time.sleep(left.pop()[1])

    return inject
