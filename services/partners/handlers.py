"""The table of the partners service: each subject, in a room of its own, brings its kinds and its handlers."""

from services.partners import agreements, registration, roles
from shared.contracts.topics import READ_BY
from shared.engine.model import Table


def table() -> Table:
    """The partners service's table."""
    return Table(
        service="partners",
        topics=READ_BY["partners"],
        kinds=(registration.PARTNERS, *roles.KINDS, *agreements.KINDS),
        handlers={**registration.HANDLERS, **roles.HANDLERS, **agreements.HANDLERS},
        deadlines={**roles.DEADLINES, **agreements.DEADLINES},
    )
