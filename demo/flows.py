"""What the guidelines and the county's project ask for, and how much of it a run of the demo has. Pure."""

from typing import NamedTuple


class GuidelineFlow(NamedTuple):
    """One thing that a guideline asks for: how many were meant, and how many the platform shows."""

    guideline: str
    what: str
    meant: int | None
    """None: as many as follow from what people do, which nobody knows beforehand."""
    came: int

    @property
    def is_as_meant(self) -> bool:
        return self.meant in {None, self.came}
