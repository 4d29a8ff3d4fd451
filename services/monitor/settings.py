"""The monitor's settings: where the owners of events answer, and with which key it asks them."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.process.addresses import without_secrets
from shared.process.settings import PlatformSettings, Term

_Url = Annotated[str, without_secrets("the monitor's key belongs in the file that LAHETE_SERVICE_KEY_FILE names")]


class MonitorSettings(PlatformSettings):
    """Addresses are of the services' HTTP; the key is read from a file, never from the environment."""

    service_urls: dict[str, _Url] = Field({}, description="JSON: service to its base URL, for asking owners of events")
    keep_traces: Term = Field(
        timedelta(days=180),
        description="how long an event's trace is kept after its last record; of a referral: after it closed, all of them",
    )
    service_key_file: Path = Field(Path(".lahete/service-key"), description="the key of service:monitor")

    def service_key(self) -> str:
        """The key, or nothing where the file is missing: owners then refuse to answer, and the monitor says so."""
        return self.service_key_file.read_text().strip() if self.service_key_file.exists() else ""
