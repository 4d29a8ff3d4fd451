"""The catalogue's settings."""

from datetime import timedelta

from pydantic import Field

from shared.process.settings import Duration, PlatformSettings


class CatalogueSettings(PlatformSettings):
    """Durations are ISO 8601, of the platform's clock."""

    rematch: Duration = Field(timedelta(days=1), description="how often an unmatched referral is tried again by itself")
