"""Who somebody is here, by what the provider says of him: pure."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from services.monitor.provider.faults import NotLetIn
from shared.contracts.personal_identity import mask

STRANGER: Final = "stranger"
"""What the audit calls the role of somebody who has none."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._|-]{0,79}")


class RoleTerms(NamedTuple):
    """Which claim holds the roles, which of its values are ops and readers, which claim names the person."""

    role_claim: str
    ops: tuple[str, ...]
    readers: tuple[str, ...]
    name_claim: str


def holder_of(claims: Mapping[str, Any], terms: RoleTerms) -> str:
    """`ops:<name>` or `reader:<name>`; who is both is ops. Raises `NotLetIn`."""
    name = _name_in(claims, terms.name_claim)
    values = _values_in(claims.get(terms.role_claim))
    for role, wanted in (("ops", terms.ops), ("reader", terms.readers)):
        if values & frozenset(wanted):
            return f"{role}:{name}"
    raise NotLetIn(f"no value of the claim {terms.role_claim} is one of ops or of readers", name)


def _name_in(claims: Mapping[str, Any], claim: str) -> str:
    name = claims.get(claim)
    # An address of mail has an @; a personal identity code has the form of a name.
    if not isinstance(name, str) or not _NAME.fullmatch(name) or mask(name) != name:
        raise NotLetIn(f"the claim {claim} holds no name that may be kept: LAHETE_OIDC_NAME_CLAIM names another one")
    return name


def _values_in(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset({claim})
    return frozenset(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else frozenset()
