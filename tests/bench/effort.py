"""How much is measured: in full, or `--quick`, to see in a few minutes that everything works."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.bench.results import MeasuredRow, over_rounds

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """`rounds` of what is repeated; a size or a span in full or in quick."""

    rounds: int = 3
    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        """A count."""
        return quick if self.quick else full

    def some(self, full: tuple[int, ...], quick: tuple[int, ...]) -> tuple[int, ...]:
        """Several counts."""
        return quick if self.quick else full


def turned(some: Sequence[T], by: int) -> list[T]:
    """The same in another order for each round, so that none always comes first."""
    by %= len(some)
    return [*some[by:], *some[:by]]


def in_rounds(effort: Effort, some: Sequence[T], measure: Callable[[T], MeasuredRow]) -> list[MeasuredRow]:
    """A line for each, of all rounds."""
    return over_rounds([[measure(one) for one in turned(some, number)] for number in range(effort.rounds)])
