"""The referral service's wiring: settings in, app out."""

from services.referral import api, handlers
from services.referral.settings import ReferralSettings
from shared.http.rates import Rate
from shared.process.run import App


def build_app(settings: ReferralSettings) -> App:
    """The referral service, ready to run."""
    return App(
        settings,
        handlers.table(settings.durations()),
        api.operations(),
        state={"code_limit": Rate("codes", settings.code_lookups_a_minute)},
    )
