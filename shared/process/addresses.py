"""Addresses in settings: `lahete status`, run.json and logs show them to people, so none may hold a secret."""

import re
from typing import Final

from pydantic import AfterValidator

_SECRET: Final = re.compile(r"@|[?&;,=]\w*(password|token|secret)[=:]", re.IGNORECASE)
"""A login stands before an @; an option such as tlsCertificateKeyFilePassword is a secret too."""


def may_hold_a_secret(value: str) -> bool:
    """Whether people must not see the value."""
    return _SECRET.search(value) is not None


def without_secrets(instead: str) -> AfterValidator:
    """Refuses an address that may hold a login or another secret; `instead` says where that belongs."""

    def check(address: str) -> str:
        if may_hold_a_secret(address):
            raise ValueError(f"the address has an @ or a secret option, and people see addresses: {instead}")
        return address

    return AfterValidator(check)
