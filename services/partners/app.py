"""The partners service's wiring: settings in, app out."""

from services.partners import api, handlers
from services.partners.settings import PartnersSettings
from shared.process.run import App


def build_app(settings: PartnersSettings) -> App:
    """The partners service, ready to run."""
    return App(settings, handlers.table(), api.operations())
