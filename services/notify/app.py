"""Notify's wiring: settings in, app out."""

from services.notify import api, handlers
from services.notify.reading import ToldReads
from services.notify.settings import NotifySettings
from shared.process.keeping import heartbeats
from shared.process.run import App


def build_app(settings: NotifySettings) -> App:
    """Notify, ready to run."""
    kept = heartbeats(handlers.REFERRALS, handlers.RECIPIENTS)
    state = {"told_reads": ToldReads()}
    return App(settings, handlers.table(), api.operations(), state=state, retentions=kept)
