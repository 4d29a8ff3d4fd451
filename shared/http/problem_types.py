"""The titles and types of problems: the status's own phrase, or a type of its own where the status is not enough.

RFC 9457, 4.2.1: where `type` is about:blank, `title` is the phrase of the status. A type of its own is for programs: two
problems with the same status have different types only where the caller acts differently.
"""

from dataclasses import dataclass
from typing import Final

PHRASES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""The phrases of RFC 9110, 15, and for 429 and 431 of RFC 6585. Python's own are those of RFC 7231 until 3.13."""

BLANK: Final = "about:blank"


@dataclass(frozen=True)
class ProblemType:
    """One kind of problem that a program tells from others of the same status."""

    name: str
    status: int
    title: str
    advice: str
    """What the caller should do."""

    @property
    def uri(self) -> str:
        """As `type` has it."""
        return f"urn:kulttuurilahete:problem:{self.name}"


PERSONAL_DATA: Final = ProblemType(
    "personal-data",
    422,
    "A personal identity code stands in it",
    "Send it without the code, and look how the code came into what was sent: it was not taken and is not kept.",
)
NO_CONSENT: Final = ProblemType(
    "no-consent",
    422,
    "The consent does not cover feedback",
    "Ask for no link: a later ReferralIssued with the scope feedback (months later: follow_up) brings one, and nothing does after an erasure.",
)
BEYOND_THE_END: Final = ProblemType(
    "cursor-beyond-the-end",
    422,
    "The feed does not come as far as the cursor",
    "Read the feed again from `after=0`: it was restored from a backup, and its numbers begin again.",
)
UNDER_WAY: Final = ProblemType(
    "redrive-under-way",
    409,
    "The dead letter is being sent again already",
    "Wait: the dead letter becomes resolved, or open again.",
)
SETTLED: Final = ProblemType(
    "settled",
    409,
    "The dead letter is settled already",
    "Nothing is left to do: it is resolved, discarded or edited.",
)
NOTHING_KEPT: Final = ProblemType(
    "nothing-kept",
    409,
    "Nothing of the dead letter is kept",
    "The event's sender may send it again; the monitor has nothing of it to send.",
)
NOT_REDRIVABLE: Final = ProblemType(
    "not-redrivable",
    409,
    "The dead letter cannot be sent again",
    "Discard it: the service it is of reads nothing that is sent again.",
)
REPORTED_TODAY: Final = ProblemType(
    "reported-today",
    409,
    "The sender was told today already",
    "Order it again after midnight in Finland: `detail` and Retry-After say when.",
)
NOTHING_TO_REPORT: Final = ProblemType(
    "nothing-to-report",
    409,
    "The sender did nothing wrong",
    "Nothing is to be done: no dead letter of this sender is kept that is its own fault.",
)

TYPES: Final = (
    PERSONAL_DATA,
    NO_CONSENT,
    BEYOND_THE_END,
    UNDER_WAY,
    SETTLED,
    NOTHING_KEPT,
    NOT_REDRIVABLE,
    REPORTED_TODAY,
    NOTHING_TO_REPORT,
)
