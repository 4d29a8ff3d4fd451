"""The two reports: what became of the referrals, and what changed for those who answered. Pure.

Participants' figures are shown for five or more. So that no difference of two answers shows fewer, every figure is a
sum over groups of at least five that do not depend on the question (`groups_of`): the difference of two such sums is
again one. That is the secondary suppression.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.feedback.model import COMPLETED, Figures, KnownEnding, KnownPlace, ReferralFeedback, quarter_of
from shared.contracts.participant_events import INSTRUMENTS
from shared.contracts.partner_kinds import PARTNER_KINDS

AT_LEAST: Final = 5
LOST: Final[Mapping[str, tuple[str, ...]]] = {
    "matching": ("no_activity_found",),
    "choice": ("not_chosen",),
    "place": ("full", "closed", "cancelled", "unknown"),
    "attendance": ("never_attended", "not_recorded"),
    "erased": ("lapsed",),
}
RECORDS: Final = ("attended", "missed", "told_ahead", "not_recorded")
OPEN: Final = ("matching", "choice", "place", "attendance")

Cell = tuple[str, str, str]
"""Region, quarter, municipality."""
Group = frozenset[Cell]
Split = Callable[[list[Cell]], tuple[list[Group], Group]]
"""Cells to groups of at least five, and the cells left over."""


@dataclass(frozen=True)
class ReportFilters:
    """The filters of a report; None is all. Quarters, `2026-Q1`, both ends included."""

    region: str | None = None
    municipality: str | None = None
    first: str | None = None
    last: str | None = None

    def take(self, cell: Cell) -> bool:
        """Whether a cell passes the filters."""
        region, quarter, municipality = cell
        return (
            self.region in {None, region}
            and self.municipality in {None, municipality}
            and (self.first is None or self.first <= quarter)
            and (self.last is None or quarter <= self.last)
        )


# --- what became of the referrals


def loop(states: Iterable[ReferralFeedback], filters: ReportFilters) -> dict[str, Any]:
    """How many came how far. `issued` = `completed` + all of `lost` + `withdrawn` + all of `open`.

    `proposed`, `placed` and `attended` count who ever came so far, as told by what has ended for `attended`;
    `sessions` are those of what has ended; `discontinued` counts within `completed`; `erased`, how many consents were
    withdrawn, within `issued`. Of an erased one its region, status and dates are left: it is counted but where a
    municipality is asked for. One that goes on after it was closed is not `closed`.
    """
    counts: Counter[str] = Counter()
    sessions: Counter[str] = Counter()
    lost: dict[str, Counter[str]] = {where: Counter() for where in LOST}
    still_open: Counter[str] = Counter()
    for state in states:
        if state.synthetic or not asked_for(state, filters):
            continue
        where, why = standing(state)
        counts.update(milestones_of(state, where))
        sessions.update(_sessions(state) if where != "open" else {})
        if where == "open":
            still_open[why] += 1
        elif where in lost:
            lost[where][why] += 1
        else:
            counts[where] += 1
    milestones = (
        "issued",
        "erased",
        "proposed",
        "placed",
        "attended",
        "completed",
        "discontinued",
        "closed",
        "withdrawn",
    )
    return {
        **{name: counts[name] for name in milestones},
        "sessions": {name: sessions[name] for name in RECORDS},
        "lost": {where: {why: lost[where][why] for why in reasons} for where, reasons in LOST.items()},
        "open": {stage: still_open[stage] for stage in OPEN},
    }


def _sessions(state: ReferralFeedback) -> dict[str, int]:
    last = _last(state)
    return {name: getattr(last, name) for name in RECORDS} if last else {}


def _last(state: ReferralFeedback) -> KnownEnding | None:
    return max((end for end in (state.ended, state.closed) if end), key=lambda one: one.time, default=None)


def asked_for(state: ReferralFeedback, filters: ReportFilters) -> bool:
    """Whether a referral was issued and passes the filters."""
    issued_at = state.erased.issued_at if state.erased else state.first_issued_at
    if issued_at is None:
        return False
    municipality = state.issued.municipality if state.issued else ""
    return filters.take((counts_for(state), quarter_of(issued_at), municipality))


def counts_for(state: ReferralFeedback) -> str:
    """The region that the referral counts for, also once it is erased."""
    if state.erased:
        return state.erased.region or state.erased.issuer
    return state.issued.region if state.issued else ""


def milestones_of(state: ReferralFeedback, where: str) -> list[str]:
    """How far the referral came, where it stands being `where`."""
    last = state.closed or state.ended
    reached = {
        "issued": True,
        "erased": state.erased is not None,
        "proposed": state.proposed,
        "placed": any(place.had for place in state.places.values()),
        "attended": any(end is not None and end.attended > 0 for end in (state.ended, state.closed)),
        "discontinued": where == "completed" and last is not None and last.outcome == "discontinued",
        "closed": state.erased is not None or (state.closed is not None and where != "open"),
    }
    return [name for name, there in reached.items() if there]


def standing(state: ReferralFeedback) -> tuple[str, str]:
    """Where a referral stands: `completed`, `withdrawn`, the step where it was lost and why, or `open` and its step."""
    if state.erased:
        return ("erased", "lapsed") if state.erased.status == "lapsed" else (state.erased.status, "")
    last = _last(state)
    if last is None:
        return "open", _stage(state)
    if last.outcome == "withdrawn":
        return "withdrawn", ""
    if _goes_on(state, last):
        return "open", _stage(state)
    if last.outcome in COMPLETED:
        return "completed", ""
    return _lost(state, last.outcome)


def _goes_on(state: ReferralFeedback, last: KnownEnding) -> bool:
    """Whether an ended referral goes on: a place elsewhere opens any again, proposals one that lapsed in silence."""
    if any(place.state in {"reserved", "waitlisted"} and place.time > last.time for place in state.places.values()):
        return True
    lapsed = last.outcome not in COMPLETED
    return lapsed and state.matched is not None and state.matched.proposed and state.matched.time > last.time


def _stage(state: ReferralFeedback) -> str:
    states = {place.state for place in state.places.values()}
    if "reserved" in states:
        return "attendance"
    if "waitlisted" in states:
        return "place"
    return "choice" if state.matched and state.matched.proposed else "matching"


def _lost(state: ReferralFeedback, outcome: str) -> tuple[str, str]:
    """Each lost referral is counted once, at the furthest step it came to."""
    if outcome in LOST["attendance"]:
        return "attendance", outcome
    refused = _refused(state)
    if refused and not any(place.had for place in state.places.values()):
        return "place", refused.reason
    return ("choice" if outcome == "not_chosen" else "matching"), outcome


def _refused(state: ReferralFeedback) -> KnownPlace | None:
    refused = [place for place in state.places.values() if place.state == "refused"]
    return max(refused, key=lambda one: (one.time, one.reason), default=None)


# --- what changed


def outcomes(all_figures: Sequence[Figures], filters: ReportFilters) -> dict[str, Any]:
    """Means of participants and carers an instrument and item, before and after by the same people; and experience.

    `all_figures` are those of every referral, whatever the filters: the groups of the suppression need them all.
    A figure of fewer than five is `{"n": "<5", "suppressed": true}`; `{"suppressed": true}` alone hides a figure that,
    with others, would show one of fewer. Partners' experience is no participant's and is not suppressed.
    """
    return {
        "participants": _of_respondent(all_figures, "participant", filters),
        "carers": _of_respondent(all_figures, "carer", filters),
        "partners": {
            respondent: {
                item: _means(values)
                for item in INSTRUMENTS["experience_v1"]
                if (values := _partners_values(all_figures, respondent, item, filters))
            }
            for respondent in PARTNER_KINDS
        },
    }


def _of_respondent(all_figures: Sequence[Figures], respondent: str, filters: ReportFilters) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for instrument in ("dimensions_v1", "who5"):
        items = INSTRUMENTS[instrument] if instrument != "who5" else ("score",)
        report[instrument] = {
            item: _shown(_changes(all_figures, respondent, instrument, item), filters) for item in items
        }
    report["experience_v1"] = {
        item: _shown(_experiences(all_figures, respondent, item), filters) for item in INSTRUMENTS["experience_v1"]
    }
    return report


Values = Mapping[Cell, Sequence[tuple[int, ...]]]
"""By cell: (after,) or (before, after) of each person."""


def _changes(all_figures: Iterable[Figures], respondent: str, instrument: str, item: str) -> Values:
    found: defaultdict[Cell, list[tuple[int, ...]]] = defaultdict(list)
    for figures in all_figures:
        before = _answer(figures, respondent, "before", instrument, item)
        after = _answer(figures, respondent, "after", instrument, item)
        if before is not None and after is not None:
            found[_cell(figures)].append((before, after))
    return found


def _experiences(all_figures: Iterable[Figures], respondent: str, item: str) -> Values:
    found: defaultdict[Cell, list[tuple[int, ...]]] = defaultdict(list)
    for figures in all_figures:
        for after in _answers(figures, respondent, "after", "experience_v1", item):
            found[_cell(figures)].append((after,))
    return found


def _partners_values(
    all_figures: Iterable[Figures], respondent: str, item: str, filters: ReportFilters
) -> list[tuple[int, ...]]:
    by_cell = _experiences(all_figures, respondent, item)
    return [one for cell, values in by_cell.items() if filters.take(cell) for one in values]


def _answer(figures: Figures, *wanted: str) -> int | None:
    return next(iter(_answers(figures, *wanted)), None)


def _answers(figures: Figures, *wanted: str) -> list[int]:
    """One of a person, one of each partner of a kind."""
    *slot, item = wanted
    return [answers[item] for *known, answers in figures.answers if known == slot and item in answers]


def _cell(figures: Figures) -> Cell:
    return figures.region, figures.quarter, figures.municipality


def _shown(values: Values, filters: ReportFilters) -> dict[str, Any]:
    sizes = {cell: len(people) for cell, people in values.items()}
    asked = sum(size for cell, size in sizes.items() if filters.take(cell))
    cells = {cell for group in groups_of(sizes) if all(filters.take(one) for one in group) for cell in group}
    if asked < AT_LEAST:
        return {"n": f"<{AT_LEAST}", "suppressed": True}
    if not cells:
        return {"suppressed": True}
    return _means([one for cell in sorted(cells) for one in values[cell]])


def _means(people: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    n = len(people)
    sums = [sum(column) for column in zip(*people, strict=True)]
    if len(sums) == 1:
        return {"n": n, "mean": round(sums[0] / n, 2)}
    before, after = sums
    return {
        "n": n,
        "mean_before": round(before / n, 2),
        "mean_after": round(after / n, 2),
        "mean_change": round((after - before) / n, 2),
    }


# --- the groups of at least five


def groups_of(sizes: Mapping[Cell, int]) -> list[Group]:
    """Groups of cells that hold at least five people each and that no two of share a cell.

    A cell of five or more is one by itself. Smaller ones join their neighbours, first those of the same region and
    quarter, then of the same region, then of the country; what is left joins the smallest group there. With fewer than
    five in all there is no group.
    """
    groups, over = _gathered(_by(sizes, 1), lambda region: _region_groups(region, sizes), sizes)
    return [] if over else groups


def _region_groups(cells: list[Cell], sizes: Mapping[Cell, int]) -> tuple[list[Group], Group]:
    return _gathered(_by(cells, 2), lambda quarter: _settled([], [frozenset({cell}) for cell in quarter], sizes), sizes)


def _by(cells: Iterable[Cell], depth: int) -> list[list[Cell]]:
    parts: defaultdict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in sorted(cells):
        parts[cell[:depth]].append(cell)
    return list(parts.values())


def _gathered(parts: Iterable[list[Cell]], split: Split, sizes: Mapping[Cell, int]) -> tuple[list[Group], Group]:
    groups: list[Group] = []
    over: list[Group] = []
    for part in parts:
        settled, left = split(part)
        groups += settled
        over += [left] if left else []
    return _settled(groups, over, sizes)


def _settled(groups: list[Group], parts: Sequence[Group], sizes: Mapping[Cell, int]) -> tuple[list[Group], Group]:
    """Makes groups of the parts, in order; too few at the end join the smallest group, if there is any."""
    groups = [*groups, *(part for part in parts if _size(part, sizes) >= AT_LEAST)]
    chunk: Group = frozenset()
    for part in parts:
        if _size(part, sizes) >= AT_LEAST:
            continue
        chunk |= part
        if _size(chunk, sizes) >= AT_LEAST:
            groups.append(chunk)
            chunk = frozenset()
    if not chunk or not groups:
        return groups, chunk
    smallest = min(groups, key=lambda one: (_size(one, sizes), sorted(one)))
    return [smallest | chunk if group == smallest else group for group in groups], frozenset()


def _size(cells: Iterable[Cell], sizes: Mapping[Cell, int]) -> int:
    return sum(sizes[cell] for cell in cells)
