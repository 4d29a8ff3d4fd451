"""The catalogue's wiring: settings in, app out."""

from services.catalogue import api, handlers
from services.catalogue.settings import CatalogueSettings
from shared.process.keeping import heartbeats
from shared.process.run import App


def build_app(settings: CatalogueSettings) -> App:
    """The catalogue, ready to run."""
    kept = heartbeats(handlers.ACTIVITIES, handlers.MATCHES)
    return App(settings, handlers.table(settings.rematch), api.operations(), retentions=kept)
