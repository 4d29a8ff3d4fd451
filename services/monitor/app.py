"""The monitor's wiring: settings in, app out."""

import ssl
from typing import TYPE_CHECKING

import httpx

from services.monitor import api, handlers, overdue_watch, readers_watch, redrive_watch
from services.monitor.console.routes import console_state, routes
from services.monitor.heart import Heart
from services.monitor.lag_sampler import LagSampler
from services.monitor.looks import ListedLately
from services.monitor.owners import Owners
from services.monitor.retention import retentions
from services.monitor.sender_watch import SenderWatch
from services.monitor.settings import MonitorSettings
from shared.process.run import App
from shared.process.settings import stop_start

if TYPE_CHECKING:
    from services.monitor.provider.provider import Provider


def build_app(settings: MonitorSettings) -> App:
    """The monitor, ready to run."""
    tls = httpx.create_ssl_context()  # to make one takes 40 ms
    owners = Owners(settings.service_urls, settings.service_key(), tls)
    sampler, senders = LagSampler(settings.service_urls, tls), SenderWatch()
    return App(
        settings,
        handlers.table(),
        api.operations(),
        state={
            "owners": owners,
            "listed_lately": ListedLately(),
            "lag_sampler": sampler,
            "sender_watch": senders,
            "tls": tls,
            "provider": _provider(settings, tls),
            **console_state(settings),
        },
        retentions=retentions(settings),
        background=(
            sampler.run,
            overdue_watch.run,
            readers_watch.run,
            senders.run,
            redrive_watch.run,
            *([Heart(every).run] if (every := settings.beats()) else []),
        ),
        pages=routes(),
    )


def _provider(settings: MonitorSettings, tls: ssl.SSLContext) -> "Provider | None":
    """By whom people may sign in besides by key, if by anybody."""
    if (terms := settings.provider()) is None:
        return None
    try:  # not at the top: the libraries are an extra
        from services.monitor.provider.answers import ProviderAnswers
        from services.monitor.provider.provider import Provider
    except ModuleNotFoundError as error:
        stop_start(
            f"monitor: LAHETE_OIDC_ISSUER is set, and {error.name} is not here: pip install 'kulttuurilahete[oidc]'"
        )
    return Provider(terms, ProviderAnswers(tls))
