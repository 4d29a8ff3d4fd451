"""Each service as the verbs know it: its settings, the function that builds it, its own addresses.

A verb imports this when it is called: the services are most of what a start of `lahete` would take.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from pydantic_settings import BaseSettings

from services.catalogue import api as catalogue_api
from services.catalogue.app import build_app as catalogue
from services.catalogue.settings import CatalogueSettings
from services.feedback import api as feedback_api
from services.feedback.app import build_app as feedback
from services.feedback.settings import FeedbackSettings
from services.monitor import api as monitor_api
from services.monitor.app import build_app as monitor
from services.monitor.settings import MonitorSettings
from services.notify import api as notify_api
from services.notify.app import build_app as notify
from services.notify.settings import NotifySettings
from services.partners import api as partners_api
from services.partners.app import build_app as partners
from services.partners.settings import PartnersSettings
from services.referral import api as referral_api
from services.referral.app import build_app as referral
from services.referral.settings import ReferralSettings
from shared.http.operations import Operation


class Service(NamedTuple):
    """A service's settings, the function that builds the service from them, and its own addresses."""

    settings: type[BaseSettings]
    build: Callable[[Any], Any]
    operations: Callable[[], list[Operation]]


OF_NAME: Final[Mapping[str, Service]] = {
    "referral": Service(ReferralSettings, referral, referral_api.operations),
    "catalogue": Service(CatalogueSettings, catalogue, catalogue_api.operations),
    "feedback": Service(FeedbackSettings, feedback, feedback_api.operations),
    "notify": Service(NotifySettings, notify, notify_api.operations),
    "partners": Service(PartnersSettings, partners, partners_api.operations),
    "monitor": Service(MonitorSettings, monitor, monitor_api.operations),
}
