"""The table of the partners service: each subject, in a room of its own, brings its kinds and its handlers."""

from typing import Final

from services.partners import agreements, goals, improvements, practices, registration, roles, trainings
from shared.contracts.data import Data
from shared.contracts.topics import READ_BY
from shared.engine.model import Handler, Table

_SUBJECTS: Final = (registration, roles, agreements, improvements, practices, goals, trainings)


def table() -> Table:
    """The partners service's table."""
    return Table(
        service="partners",
        topics=READ_BY["partners"],
        kinds=(
            registration.PARTNERS,
            *roles.KINDS,
            *agreements.KINDS,
            improvements.IMPROVEMENTS,
            practices.PRACTICES,
            goals.GOALS,
            trainings.TRAININGS,
        ),
        handlers=_joined(),
        deadlines={**roles.DEADLINES, **agreements.DEADLINES, **improvements.DEADLINES},
    )


def _joined() -> dict[type[Data], Handler]:
    """The handlers of all subjects. Raises `ValueError` where two handle one class: the first would never hear of it."""
    joined: dict[type[Data], Handler] = {}
    for subject in _SUBJECTS:
        if both := joined.keys() & subject.HANDLERS.keys():
            raise ValueError(f"{subject.__name__} handles {min(one.__name__ for one in both)}, as another subject does")
        joined |= subject.HANDLERS
    return joined
