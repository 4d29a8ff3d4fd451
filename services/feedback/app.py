"""The feedback service's wiring: settings in, app out."""

from services.feedback import api, handlers
from services.feedback.settings import FeedbackSettings
from shared.process.keeping import heartbeats
from shared.process.run import App


def build_app(settings: FeedbackSettings) -> App:
    """The feedback service, ready to run."""
    return App(settings, handlers.table(), api.operations(), retentions=heartbeats(handlers.FEEDBACK))
