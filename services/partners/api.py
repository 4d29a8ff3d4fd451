"""The partners service's HTTP: the intake, and the addresses of each subject."""

from services.partners.agreements import api as agreements
from services.partners.registration import api as registration
from services.partners.roles import api as roles
from shared.http.intake import INTAKE
from shared.http.operations import Operation


def operations() -> list[Operation]:
    """The partners service's addresses."""
    return [INTAKE, *registration.operations(), *roles.operations(), *agreements.operations()]
