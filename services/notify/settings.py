"""Notify's settings: none of its own while the feed is the only channel."""

from shared.settings import PlatformSettings


class NotifySettings(PlatformSettings):
    """What every service needs."""
