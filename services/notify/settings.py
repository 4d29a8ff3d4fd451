"""Notify's settings: none of its own while the feed is the only channel."""

from shared.process.settings import PlatformSettings


class NotifySettings(PlatformSettings):
    """The settings that every service needs."""
