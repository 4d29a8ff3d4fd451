"""The report of what partners said of what they do together. Pure.

A partner counts once in each figure, however often it answered: its own mean. Figures of others are shown for five
partners or more, and not where they would show, beside the figure of everybody, what fewer than five others said.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean
from typing import Any, Final

from services.feedback.model import CooperationFigures
from shared.contracts.participant_events import ABOUT_IDS, INSTRUMENTS, OF_PARTNERS

AT_LEAST: Final = 5
KINDS: Final = tuple(kind for kind in ABOUT_IDS if kind != "referral")
Said = Mapping[str, list[int]]
"""By partner: its answers to one item, of everything that it answered of."""


def cooperation(figures: Iterable[CooperationFigures], partner: str | None) -> dict[str, Any]:
    """What everybody said; for a partner also what others said of what they do with it, and what it said itself."""
    all_ = list(figures)
    report: dict[str, Any] = {
        "everybody": _table(lambda *of: _shown(_said(all_, *of))),
        "with_you": None,
        "yours": None,
    }
    if partner is None:
        return report
    shared = [one for one in all_ if partner in one.parties]
    return report | {
        "with_you": _table(lambda *of: _of_others(_said(shared, *of), _said(all_, *of), partner)),
        "yours": _table(lambda *of: _own(_said(all_, *of).get(partner, []))),
    }


def _table(figure: Callable[[str, str, str], dict[str, Any]]) -> dict[str, Any]:
    return {
        kind: {
            instrument: {item: figure(kind, instrument, item) for item in INSTRUMENTS[instrument]}
            for instrument in OF_PARTNERS
        }
        for kind in KINDS
    }


def _said(figures: Iterable[CooperationFigures], kind: str, instrument: str, item: str) -> Said:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for one in figures:
        for source, answered, answers in one.answers:
            if (one.kind, answered) == (kind, instrument) and item in answers:
                found[source].append(answers[item])
    return found


def _of_others(said: Said, everybody: Said, partner: str) -> dict[str, Any]:
    others = {source: values for source, values in said.items() if source != partner}
    rest = everybody.keys() - others.keys() - {partner}
    return {"suppressed": True} if 0 < len(rest) < AT_LEAST <= len(others) else _shown(others)


def _shown(said: Said) -> dict[str, Any]:
    if len(said) < AT_LEAST:
        return {"n": f"<{AT_LEAST}", "suppressed": True}
    return {"n": len(said), "mean": round(fmean(map(fmean, said.values())), 2)}


def _own(values: list[int]) -> dict[str, Any]:
    return {"n": len(values), "mean": round(fmean(values), 2)} if values else {"n": 0}
