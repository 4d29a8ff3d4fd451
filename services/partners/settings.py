"""The partners service's settings: none of its own."""

from shared.process.settings import PlatformSettings


class PartnersSettings(PlatformSettings):
    """The settings that every service needs."""
