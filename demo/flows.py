"""What the guidelines and the county's project ask for, and how much of it a run of the demo has. Pure."""

from typing import NamedTuple


class GuidelineFlow(NamedTuple):
    """One thing that a guideline asks for: how many were meant, and how many the platform shows."""

    guideline: str
    what: str
    meant: int | None
    """None: some, whose number follows from what people do."""
    came: int

    @property
    def is_as_meant(self) -> bool:
        return self.came > 0 if self.meant is None else self.came == self.meant
