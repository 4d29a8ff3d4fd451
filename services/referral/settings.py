"""The referral service's settings: how long silence lasts before it is an event."""

from datetime import timedelta

from pydantic import Field

from services.referral.view import Durations
from shared.process.settings import Duration, PlatformSettings, Term


class ReferralSettings(PlatformSettings):
    """Durations are ISO 8601, of the platform's clock; the second passing of match, choice and confirmation acts."""

    due_match: Duration = Field(timedelta(days=30), description="from ReferralIssued until something must fit")
    due_choice: Duration = Field(timedelta(days=14), description="from ActivitiesProposed until a choice")
    due_confirmation: Duration = Field(timedelta(days=7), description="from the request until the opisto confirms")
    due_attendance: Duration = Field(
        timedelta(days=14), description="from the last session's end until all is recorded"
    )
    due_feedback: Duration = Field(
        timedelta(days=14), description="from ReferralCompleted until the participant answers"
    )
    keep_audit: Term = Field(
        timedelta(days=4_383),
        description="how long it is kept who looked at a referral, or was told of it; not less than the law asks",
    )
    code_lookups_a_minute: int = Field(30, ge=1, le=10_000, description="codes an opisto may look up a minute")

    def durations(self) -> Durations:
        """The durations as the fold takes them."""
        return Durations(self.due_match, self.due_choice, self.due_confirmation, self.due_attendance, self.due_feedback)
