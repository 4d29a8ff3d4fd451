"""Every address of the services as one OpenAPI document."""

from cli.services import OF_NAME
from shared.http import openapi
from shared.http.everywhere import EVERYWHERE
from shared.http.openapi import Document


def document() -> Document:
    """The document; each service has its own table of addresses, and those that every service has."""
    return openapi.openapi({name: [*EVERYWHERE, *service.operations()] for name, service in OF_NAME.items()})
