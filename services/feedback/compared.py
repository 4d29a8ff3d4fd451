"""The loop compared: by route, unit, age band, theme, accessibility or funding, in rows that add up. Pure.

The loop's totals are shown as they are, so rows could be subtracted from them. Everything is therefore counted in blocks, one an
issuer and year, and hidden block by block (`small_cells.py`); a question takes whole blocks, so that no two answers differ by
a part of one. What is hidden, or stands in no row, is in `rest`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from services.feedback.model import KnownIssue, ReferralFeedback, quarter_of
from services.feedback.reports import AT_LEAST, ReportFilters, asked_for, counts_for, milestones_of, standing
from services.feedback.small_cells import Cell, Table, hidden_cells
from shared.contracts.fields import Accessibility, AgeBand, Funding
from shared.contracts.region_events import Route
from shared.reference import THEMES

ENDS: Final = ("completed", "withdrawn", "lost", "open")
"""Each referral stands in one of them."""
STEPS: Final = ("proposed", "placed", "attended", "closed")
"""Each referral came so far, or did not."""
COLUMNS: Final = (*ENDS, *STEPS)
_NOT: Final = "not "
"""Before a step, or a value: those who did not come so far, or have another."""
MAX_UNITS: Final = 100
"""Rows of one block: units are named by their region, in whatever number."""
_REST: Final = ""
"""The row of a block's small values together; no value is empty."""
_NOT_STATED: Final = ("not_stated",)

_Values = Callable[[KnownIssue], tuple[str, ...]]
OF_ONE: Final[Mapping[str, _Values]] = {
    "route": lambda issue: (issue.route,) if issue.route else _NOT_STATED,
    "unit": lambda issue: (f"{issue.source} {issue.unit}",),
    "age_band": lambda issue: (issue.age_band,),
}
"""Of these a referral has one value: the rows share no referral."""
OF_SEVERAL: Final[Mapping[str, _Values]] = {
    "theme": lambda issue: issue.themes or _NOT_STATED,
    "accessibility": lambda issue: issue.accessibility or _NOT_STATED,
    "funding": lambda issue: issue.funding or _NOT_STATED,
}
"""Of these it may have several, and then stands in several rows."""
VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "route": (*get_args(get_args(Route)[0]), *_NOT_STATED),
    "unit": (),
    "age_band": get_args(get_args(AgeBand)[0]),
    "theme": (*THEMES, *_NOT_STATED),
    "accessibility": (*get_args(get_args(Accessibility)[0]), *_NOT_STATED),
    "funding": (*get_args(get_args(Funding)[0]), *_NOT_STATED),
}
"""Values that have a row whatever came; units have one where five or more were referred."""

Block = tuple[str, str]
"""Issuer and year."""
Counts = Counter[str]
"""How many, by column; `issued` is all of a row."""


def compared(states: Iterable[ReferralFeedback], filters: ReportFilters, by: str) -> dict[str, Any]:
    """The rows by one dimension, and what stands in none of them.

    Of a referral that was erased, or issued before its dimensions were kept, no value is known: it is in `rest` alone.
    """
    total: Counts = Counter()
    blocks: defaultdict[Block, dict[frozenset[str], Counts]] = defaultdict(dict)
    value_of = {**OF_ONE, **OF_SEVERAL}[by]
    for state in states:
        if state.synthetic or not asked_for(state, filters):
            continue
        columns = ["issued", *_columns(state)]
        total.update(columns)
        if state.issued and state.issued.age_band:
            of_block = blocks[_block(state)]
            of_block.setdefault(frozenset(value_of(state.issued)), Counter()).update(columns)
    shown = [_shown(of_block, by) for _, of_block in sorted(blocks.items())]
    wanted = dict.fromkeys([*VALUES[by], *sorted({value for one in shown for value in one if by == "unit"})])
    everybody = _by_value(blocks.values())
    rows = [_row(value, everybody[value], [one.get(value, Counter()) for one in shown]) for value in wanted]
    return {"dimension": by, "rows": rows, **(_rest(total, shown) if by in OF_ONE else {})}


def _columns(state: ReferralFeedback) -> list[str]:
    where, _ = standing(state)
    reached = milestones_of(state, where)
    steps = [step if step in reached else f"{_NOT}{step}" for step in STEPS]
    return [where if where in ENDS else "lost", *steps]


def _block(state: ReferralFeedback) -> Block:
    assert state.first_issued_at
    return counts_for(state), quarter_of(state.first_issued_at)[:4]


def _by_value(blocks: Iterable[Mapping[frozenset[str], Counts]]) -> defaultdict[str, Counts]:
    found: defaultdict[str, Counts] = defaultdict(Counter)
    for of_block in blocks:
        for values, counts in of_block.items():
            for value in values:
                found[value].update(counts)
    return found


# --- one block


def _shown(of_block: Mapping[frozenset[str], Counts], by: str) -> dict[str, Counts]:
    """What is shown of a block: by value, the columns that may be seen."""
    by_value = _by_value([of_block])
    if by in OF_ONE:
        return _seen(_of_one(by_value))
    everybody: Counts = sum(of_block.values(), Counter())
    shown: dict[str, Counts] = {}
    for value, counts in by_value.items():
        shown |= _seen(_of_one({value: counts, f"{_NOT}{value}": Counter(everybody) - counts}, whole=True))
    return shown


def _of_one(by_value: Mapping[str, Counts], *, whole: bool = False) -> dict[str, Counts]:
    """The rows of five or more, and the rest, of none or of five or more: the smallest row joins it otherwise.

    `whole`: all rows or none, since a value and its opposite have no rest.
    """
    in_order = sorted(by_value, key=lambda value: (-by_value[value]["issued"], value))
    large = [value for value in in_order if by_value[value]["issued"] >= AT_LEAST][:MAX_UNITS]
    small = [value for value in in_order if value not in large and by_value[value]["issued"]]
    if small and (whole or sum(by_value[value]["issued"] for value in small) < AT_LEAST):
        joins = len(large) if whole else 1
        small += large[len(large) - joins :]
        large = large[: len(large) - joins]
    rest: Counts = sum((by_value[value] for value in small), Counter())
    return {value: by_value[value] for value in large} | ({_REST: rest} if small else {})


def _seen(rows: Mapping[str, Counts]) -> dict[str, Counts]:
    """The rows with the columns that are not hidden, but without the rest."""
    hidden: set[Cell] = set()
    for columns in (ENDS, *((step, f"{_NOT}{step}") for step in STEPS)):
        table: Table = {value: {column: counts[column] for column in columns} for value, counts in rows.items()}
        hidden |= hidden_cells(table, AT_LEAST, unseen=_REST)
    return {
        value: Counter({column: n for column, n in counts.items() if (value, column) not in hidden})
        for value, counts in rows.items()
        if value != _REST
    }


# --- as it is answered


def _row(value: str, counts: Counts, shown: Sequence[Counts]) -> dict[str, Any]:
    seen: Counts = sum(shown, Counter())
    return {"value": value, **{column: _figure(counts[column], seen[column]) for column in ("issued", *COLUMNS)}}


def _figure(n: int, seen: int) -> dict[str, Any]:
    if n == seen > 0:
        return {"n": n}
    return {"n": seen, "suppressed": True} if seen else {"suppressed": True}


def _rest(total: Counts, shown: Iterable[Mapping[str, Counts]]) -> dict[str, Any]:
    seen: Counts = sum((counts for one in shown for counts in one.values()), Counter())
    return {"rest": {column: total[column] - seen[column] for column in ("issued", *COLUMNS)}}
