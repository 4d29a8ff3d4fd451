"""Addresses in settings: people are shown them, by `lahete status`, in run.json and in logs, so none may hold a secret."""

import re
from typing import Final

from pydantic import AfterValidator

_SECRET: Final = re.compile(r"@|[?&;,=]\w*(password|token|secret)[=:]", re.IGNORECASE)
"""A login stands before an @; an option such as tlsCertificateKeyFilePassword is a secret too."""


def may_hold_a_secret(value: str) -> bool:
    """Whether nobody may be shown it."""
    return _SECRET.search(value) is not None


def without_secrets(instead: str) -> AfterValidator:
    """Refuses an address that may hold a login or another secret; `instead` says where that belongs."""

    def check(address: str) -> str:
        if may_hold_a_secret(address):
            raise ValueError(f"it has an @ or a secret option, and people are shown an address: {instead}")
        return address

    return AfterValidator(check)
