"""The monitor's settings: where the owners of events answer, with which key it asks them, how often its heart beats, who signs in."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from services.monitor.provider_settings import ProviderSettings
from shared.http.accessibility import FeedbackAddress
from shared.process.addresses import without_secrets
from shared.process.settings import Duration, Term

_Url = Annotated[str, without_secrets("the monitor's key belongs in the file that LAHETE_SERVICE_KEY_FILE names")]


def _off(value: object) -> object:
    return None if value == "off" else value


def _not_too_often(value: timedelta | None) -> timedelta | None:
    if value is not None and value < timedelta(minutes=1):
        raise ValueError("a heartbeat is sent each PT1M at the most; off: never")
    return value


Beats = Annotated[Duration | None, BeforeValidator(_off), AfterValidator(_not_too_often)]


class MonitorSettings(ProviderSettings):
    """Addresses are of the services' HTTP; the key is read from a file, never from the environment."""

    service_urls: dict[str, _Url] = Field({}, description="JSON: service to its base URL, for asking owners of events")
    keep_traces: Term = Field(
        timedelta(days=180),
        description="how long an event's trace is kept after its last record; of a referral: after it closed, all of them",
    )
    keep_settled_letters: Term = Field(
        timedelta(days=180),
        description="how long a dead letter is kept once it is resolved or discarded, and a redrive once it has ended",
    )
    keep_counts: Term = Field(
        timedelta(days=400), description="how long a day's counts of what each sender sent are kept"
    )
    heartbeat: Beats = Field(
        timedelta(minutes=10),
        description="how often a synthetic referral goes the whole way, PT1M or more; off: never; in demo and test only if set",
    )
    edits: bool = Field(
        default=False,
        description="whether an ops person may propose other content for a dead letter's event, and a second one confirm it",
    )
    feedback_address: FeedbackAddress = ""
    service_key_file: Path = Field(Path(".lahete/service-key"), description="the key of service:monitor")

    def beats(self) -> timedelta | None:
        """How often a heartbeat is sent; None for never: a demo and a test count every event."""
        return self.heartbeat if self.env == "production" or "heartbeat" in self.model_fields_set else None

    def service_key(self) -> str:
        """The key, or nothing where the file is missing: owners then refuse to answer, and the monitor says so."""
        return self.service_key_file.read_text().strip() if self.service_key_file.exists() else ""
