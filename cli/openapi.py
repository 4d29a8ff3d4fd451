"""Every address of the five services as one OpenAPI document."""

from services.catalogue import api as catalogue
from services.feedback import api as feedback
from services.monitor import api as monitor
from services.notify import api as notify
from services.referral import api as referral
from shared.http import openapi
from shared.http.everywhere import EVERYWHERE
from shared.http.openapi import Document


def document() -> Document:
    """The document; each service has its own table of addresses, and those that every service has."""
    own = {"referral": referral, "catalogue": catalogue, "feedback": feedback, "notify": notify, "monitor": monitor}
    return openapi.openapi({service: [*EVERYWHERE, *api.operations()] for service, api in own.items()})
