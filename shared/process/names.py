"""Every name that the environment may hold behind `LAHETE_`. Any other is a mistake: nobody would read that setting.

The names stand here since a service knows only its own settings, while its environment holds those of the others too.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "LAHETE_"

_WRITTEN: Final = """
ENV KAFKA KAFKA_SECURITY KAFKA_MECHANISM KAFKA_USER KAFKA_PASSWORD_FILE KAFKA_CA_FILE INSTANCE
KAFKA_SESSION_TIMEOUT_MS KAFKA_FETCH_WAIT_MS LOG_BYTES MONGODB MONGODB_DATABASE MONGODB_USER MONGODB_PASSWORD_FILE
MONGODB_DRIVER MIGRATE STATE KEYS_FILE HOST PORT HTTP_CONNECTIONS HTTP_CONNECTIONS_AN_ADDRESS HTTP_HEAD_SECONDS
HTTP_BODY_SECONDS HTTP_IDLE_SECONDS REQUESTS_A_MINUTE EVENTS_A_MINUTE DENIED_A_MINUTE RING DUE_EARLY CLOCK
CLOCK_ANCHOR FAULT_FAIL_ON FAULT_CRASH_AT FAULT_PAUSE_AT LOG_LEVEL OTLP
OIDC_ISSUER OIDC_CLIENT_ID OIDC_CLIENT_SECRET_FILE OIDC_CONSOLE_URL OIDC_SCOPE OIDC_ROLE_CLAIM OIDC_OPS OIDC_READERS
OIDC_NAME_CLAIM
DUE_MATCH DUE_CHOICE DUE_CONFIRMATION DUE_ATTENDANCE DUE_FEEDBACK CODE_LOOKUPS_A_MINUTE
FEEDBACK_ADDRESS REMATCH FORM_LINK_DAYS PUBLIC_URL SERVICE_URLS SERVICE_KEY_FILE KEEP_TRACES KEEP_SETTLED_LETTERS
KEEP_COUNTS KEEP_AUDIT
TOPIC_REPLICATION TOPIC_MIN_INSYNC TOPIC_RETENTION TOPICS URL KEY_FILE HEARTBEAT EDITS
"""
SETTINGS: Final = frozenset(_WRITTEN.split())
"""The names that `lahete settings` lists; tests/unit/test_readme.py holds the two together."""

_OTHERS: Final = frozenset({"SUPERVISED", "SCENARIOS", "MODEL_RUNS"})
"""The names that the supervisor sets for its services, and that the Makefile and the tests read."""
_OF_TESTS: Final = re.compile(r"(TEST|REQUIRE)_[A-Z]+")
_OF_KUBERNETES: Final = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""Kubernetes adds names for each Service to each pod unless `enableServiceLinks` is off: lahete-kafka's look like ours."""


def is_known(name: str) -> bool:
    """Whether a name of the environment, prefix and all, is one of ours."""
    bare = name.upper().removeprefix(PREFIX)
    return bare in SETTINGS | _OTHERS or bool(_OF_TESTS.fullmatch(bare) or _OF_KUBERNETES.fullmatch(bare))


def mistaken(environment: Iterable[str]) -> str | None:
    """A line about the first name behind `LAHETE_` that is no setting; None where all are known."""
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and not is_known(name):
            return f"{name[:80]} is no setting{_nearest(name.upper())}; `lahete settings` lists all"
    return None


def _nearest(name: str) -> str:
    close = get_close_matches(name.removeprefix(PREFIX), sorted(SETTINGS), n=1)
    return f", the nearest is {PREFIX}{close[0]}" if close else ""
