"""The referral service's wiring: settings in, app out."""

from services.referral import api, handlers
from services.referral.settings import ReferralSettings
from shared.http.rates import Rate
from shared.process.keeping import Retention, heartbeats
from shared.process.run import App


def build_app(settings: ReferralSettings) -> App:
    """The referral service, ready to run."""
    table = handlers.table(settings.durations())
    return App(
        settings,
        table,
        api.operations(),
        state={"code_limit": Rate("codes", settings.code_lookups_a_minute)},
        retentions=[Retention(handlers.ACCESSES.collection, "at", settings.keep_audit), *heartbeats(table.kinds[0])],
    )
