"""Each service as the verbs know it: its settings, and the function that builds it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from pydantic_settings import BaseSettings

from services.catalogue.app import build_app as catalogue
from services.catalogue.settings import CatalogueSettings
from services.feedback.app import build_app as feedback
from services.feedback.settings import FeedbackSettings
from services.monitor.app import build_app as monitor
from services.monitor.settings import MonitorSettings
from services.notify.app import build_app as notify
from services.notify.settings import NotifySettings
from services.referral.app import build_app as referral
from services.referral.settings import ReferralSettings


class Service(NamedTuple):
    """A service's settings, and the function that builds the service from them."""

    settings: type[BaseSettings]
    build: Callable[[Any], Any]


OF_NAME: Final[Mapping[str, Service]] = {
    "referral": Service(ReferralSettings, referral),
    "catalogue": Service(CatalogueSettings, catalogue),
    "feedback": Service(FeedbackSettings, feedback),
    "notify": Service(NotifySettings, notify),
    "monitor": Service(MonitorSettings, monitor),
}
