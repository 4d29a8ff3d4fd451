"""The partners service's HTTP: the intake, and the addresses of each subject."""

from services.partners.agreements import api as agreements
from services.partners.goals import api as goals
from services.partners.improvements import api as improvements
from services.partners.practices import api as practices
from services.partners.registration import api as registration
from services.partners.roles import api as roles
from services.partners.trainings import api as trainings
from shared.http.intake import INTAKE
from shared.http.operations import Operation


def operations() -> list[Operation]:
    """The partners service's addresses."""
    return [
        INTAKE,
        *registration.operations(),
        *roles.operations(),
        *agreements.operations(),
        *improvements.operations(),
        *practices.operations(),
        *goals.operations(),
        *trainings.operations(),
    ]
