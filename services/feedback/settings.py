"""The feedback service's settings: how long a link to the form lasts, and under which address it is handed out."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.http.accessibility import FeedbackAddress
from shared.process.addresses import without_secrets
from shared.process.settings import PlatformSettings


class FeedbackSettings(PlatformSettings):
    """A link lasts by the real clock: it is in the hands of a person, not of the platform."""

    form_link_days: int = Field(30, ge=1, le=365, description="days, by the real clock, that a link to the form lasts")
    public_url: Annotated[str, without_secrets("the form asks for no login")] = Field(
        "", max_length=200, description="the address participants reach this service at; empty: http://127.0.0.1:<port>"
    )
    feedback_address: FeedbackAddress = ""

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        if self.public_url and not self.public_url.startswith(("https://", "http://")):
            raise ValueError(f"LAHETE_PUBLIC_URL is {self.public_url!r}; it begins with https:// or http://")
        return self

    def form_url(self, token: str) -> str:
        """The address of the form that a token opens."""
        base = self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"
        return f"{base}/f/{token}"
