"""What a year of Finland asks for, computed from what `tests.bench.year` measured: docs/sizing.md's tables.

`python -m tests.bench.sizing` writes them anew between the page's marks. Assumptions stand below, each with its reason; all
else is measured or follows.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.monitor.settings import MonitorSettings
from shared.contracts.topics import SERVICES
from tests.bench.year import FIGURES

PAGE: Final = Path(__file__).parents[2] / "docs" / "sizing.md"
BEGINS: Final = "<!-- tables: made by python -m tests.bench.sizing; a test compares -->"
ENDS: Final = "<!-- end of tables -->"
_HOUR: Final = 3_600


@dataclass(frozen=True)
class Assumed:
    """What nobody measured."""

    referrals: int = 2_000_000
    attendance: int = 100_000_000
    nights: int = 160
    """Nights on which opistos' systems send attendance: 32 weeks of term, five a week."""
    worst_night: float = 2.0
    """The worst night, to the mean."""
    batch_hours: float = 4.0
    """Within which a night's attendance comes; the busiest of them has twice its share."""
    busiest_hour: float = 2.0
    office_hours: int = 250 * 7
    worst_office_hour: float = 3.0
    retention_days: int = 30
    until_closed_days: int = 120
    """From an event of a referral until the referral closes, in the mean: a course lasts two terms, feedback comes after."""
    copies: int = 3
    busy: float = 0.5
    """How much of a core an instance may use at the peak, so that the other half catches up after an outage."""

    @property
    def attendance_a_second(self) -> float:
        return self._a_night / self.batch_hours / _HOUR * self.busiest_hour

    @property
    def referrals_a_second(self) -> float:
        return self.referrals / self.office_hours / _HOUR * self.worst_office_hour

    @property
    def _a_night(self) -> float:
        return self.attendance / self.nights * self.worst_night

    @property
    def attendance_a_night(self) -> float:
        """On the worst one."""
        return self._a_night


@dataclass(frozen=True)
class Measured:
    """The figures, an event or a referral each. What an attendance lets follow is once a referral: its completion."""

    figures: Mapping[str, Any]

    def seconds_an_attendance(self, service: str) -> float:
        """Of a core. The completion of each referral is in it."""
        return float(max(0.0, self._phase("attendance")["cpu_seconds"][service]) / self._phase("attendance")["sent"])

    def seconds_a_referral(self, service: str) -> float:
        """Of a core, for all but attendance."""
        return float(max(0.0, self._phase("referrals")["cpu_seconds"][service]) / self.figures["referrals"])

    def events_a_referral(self) -> float:
        """On the log, all but attendance."""
        return self._a_referral("events")

    def bytes_a_referral(self) -> float:
        """On the log, all but attendance."""
        return self._a_referral("bytes_on_log")

    def bytes_an_attendance(self) -> float:
        """On the log."""
        phase = self._phase("attendance")
        return float(phase["bytes_on_log"]["intake.http"] / phase["events"]["intake.http"])

    def bytes_an_event(self) -> float:
        """On the log, of all but attendance."""
        return self.bytes_a_referral() / self.events_a_referral()

    def sent_a_referral(self) -> float:
        """By partners, all but attendance."""
        return float(self._phase("referrals")["sent"] / self.figures["referrals"])

    def kept(self, service: str, table: str, when: str = "ended") -> tuple[float, float]:
        """Rows a referral, and bytes a row, of a table."""
        found = self.figures["stores"][when][service].get(table, {"rows": 0, "bytes": 0})
        return found["rows"] / self.figures["referrals"], found["bytes"] / max(1, found["rows"])

    def file_bytes_a_referral(self, service: str) -> float:
        """How much a service's file grows by, a referral with all its attendance."""
        stores = self.figures["stores"]
        grown = stores["ended"][service]["file"]["bytes"] - stores["before"][service]["file"]["bytes"]
        return float(grown / self.figures["referrals"])

    def _a_referral(self, what: str) -> float:
        follows = {topic: one for topic, one in self._phase("attendance")[what].items() if topic != "intake.http"}
        return float((sum(self._phase("referrals")[what].values()) + sum(follows.values())) / self.figures["referrals"])

    def _phase(self, name: str) -> Mapping[str, Any]:
        return dict(self.figures["phases"][name])


def tables(measured: Measured, assumed: Assumed) -> str:
    """All tables of the page."""
    return "\n\n".join(
        (
            _load(measured, assumed),
            _costs(measured, assumed),
            _log(measured, assumed),
            _documents(measured),
            _stores(measured, assumed),
        )
    )


def _load(measured: Measured, assumed: Assumed) -> str:
    year = 365 * 24 * _HOUR
    follows = measured.events_a_referral()
    rows = [
        ("referrals", assumed.referrals, assumed.referrals / year, assumed.referrals_a_second),
        (
            f"events of them on the log, {follows:.0f} each",
            assumed.referrals * follows,
            assumed.referrals * follows / year,
            assumed.referrals_a_second * follows,
        ),
        ("attendance", assumed.attendance, assumed.attendance / year, assumed.attendance_a_second),
    ]
    return _table(
        ("what comes", "a year", "a second, mean", "a second, at the peak"),
        ((name, _count(count), f"{mean:.2f}", f"{peak:.1f}") for name, count, mean, peak in rows),
    )


def _costs(measured: Measured, assumed: Assumed) -> str:
    rows = []
    for service in SERVICES:
        attendance, referral = measured.seconds_an_attendance(service), measured.seconds_a_referral(service)
        peak = attendance * assumed.attendance_a_second + referral * assumed.referrals_a_second
        rows.append(
            (
                service,
                f"{attendance * 1e6:.0f} µs",
                f"{_round(1 / attendance) if attendance else 'many'}",
                f"{referral * 1e3:.1f} ms",
                f"{peak:.3f}",
                f"{math.ceil(peak / assumed.busy)}",
                f"{assumed.attendance_a_night * attendance / 60:.1f} min",
            )
        )
    return _table(
        (
            "service",
            "a core's time, an attendance",
            "attendance a second, a core",
            "a core's time, a referral",
            "cores at the peak",
            "instances for that",
            "the worst night on one core",
        ),
        rows,
    )


def _log(measured: Measured, assumed: Assumed) -> str:
    rows = [
        ("attendance", measured.bytes_an_attendance(), assumed.attendance),
        ("all else", measured.bytes_an_event(), assumed.referrals * measured.events_a_referral()),
    ]
    lines = [
        (
            name,
            f"{size:.0f}",
            _count(events),
            _gb(size * events),
            _gb(size * events * assumed.retention_days / 365 * assumed.copies),
        )
        for name, size, events in rows
    ]
    whole = sum(size * events for _, size, events in rows)
    kept = whole * assumed.retention_days / 365 * assumed.copies
    lines.append(("together", "", _count(sum(row[2] for row in rows)), _gb(whole), _gb(kept)))
    return _table(
        (
            "on the log",
            "bytes an event",
            "events a year",
            "GB a year, one copy",
            f"GB on disk, {assumed.copies} copies, {assumed.retention_days} days",
        ),
        lines,
    )


def _documents(measured: Measured) -> str:
    sizes = [
        ("a referral, placed", measured.kept("referral", "referrals", "placed")),
        ("the same, 20 sessions recorded", measured.kept("referral", "referrals", "after 20 sessions")),
        (
            f"the same, {measured.figures['sessions_a_referral']} sessions recorded",
            measured.kept("referral", "referrals", "recorded"),
        ),
        (
            f"an activity, {measured.figures['referrals_a_group']} claims",
            measured.kept("catalogue", "activities", "placed"),
        ),
        ("the matching of a referral", measured.kept("catalogue", "matches")),
        ("the feedback on a referral", measured.kept("feedback", "feedback")),
        ("an entry of a feed", measured.kept("notify", "feed")),
        ("an event, as the monitor keeps it", measured.kept("monitor", "events")),
        ("a row of the inbox", measured.kept("notify", "inbox")),
    ]
    return _table(("document or row", "bytes"), ((name, f"{_round(size)}") for name, (_, size) in sizes))


def _stores(measured: Measured, assumed: Assumed) -> str:
    rows = []
    for service in SERVICES:
        grown = measured.file_bytes_a_referral(service)
        inbox, _ = measured.kept(service, "inbox")
        rows.append(
            (service, f"{grown / 1_000:.1f}", _gb(grown * assumed.referrals), _count(inbox * assumed.referrals))
        )
    events = assumed.referrals * measured.events_a_referral() + assumed.attendance
    rows.append(
        ("together", "", _gb(sum(measured.file_bytes_a_referral(one) for one in SERVICES) * assumed.referrals), "")
    )
    stores = _table(("store", "KB a referral with its attendance", "GB a year", "inbox rows a year"), rows)
    term = MonitorSettings.model_fields["keep_traces"].default
    kept = (term.days + assumed.until_closed_days) / 365
    there = _gb(kept * measured.file_bytes_a_referral("monitor") * assumed.referrals)
    return (
        f"{stores}\n\nDocuments that the monitor adds a year, one an event: {_count(events)}. Kept for {term.days} days after"
        f" their referral has closed, {_count(kept * events)} are there at once, {there} GB."
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def _count(number: float) -> str:
    return f"{number / 1e6:.1f} million" if number >= 1e5 else f"{_round(number)}"


def _round(number: float) -> str:
    return f"{round(number, -max(0, int(math.log10(max(1, number))) - 1)):,.0f}"


def _gb(size: float) -> str:
    return f"{size / 1e9:.0f}" if size >= 1e10 else f"{size / 1e9:.1f}"


def page(text: str, made: str) -> str:
    """The page with these tables in it."""
    before, _, rest = text.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n\n{made}\n\n{ENDS}{after}"


def made() -> str:
    """The tables from the figures that are kept."""
    return tables(Measured(json.loads(FIGURES.read_text(encoding="utf-8"))), Assumed())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), made()), encoding="utf-8")
    print(made())
