"""Which cells of a table stay hidden, so that no small one can be worked out from the others and the sums. Pure.

The sums of all rows and columns are known to who reads the table. A hidden cell can then be worked out unless some of the people
could stand elsewhere without changing what is seen: D. Gusfield, “A graph theoretic approach to statistical data security”,
SIAM Journal on Computing 17 (1988). So each small cell is put in a circle, itself and three hidden cells at the corners of two
rows and two columns, around which one of the people can be moved; the circle that hides the fewest is taken.
"""

from collections.abc import Collection, Iterator, Mapping

Table = Mapping[str, Mapping[str, int]]
"""By row and column, how many people. Each row has each column."""
Cell = tuple[str, str]
"""Row and column."""


def hidden_cells(table: Table, at_least: int, *, unseen: str) -> set[Cell]:
    """The small cells, of fewer than `at_least` but not of none, and those that are hidden for their sake.

    `unseen`: the row that is not shown, if it is there. In a table of one row or column nothing more can be hidden: it
    says what its sums say.
    """
    cells = [(row, column) for row, columns in table.items() for column in columns]
    small = [(row, column) for row, column in cells if 0 < table[row][column] < at_least]
    hidden = {*small, *(cell for cell in cells if cell[0] == unseen)}
    for cell in sorted(small):
        circles = [circle - hidden for circle in _circles(cell, table)]
        hidden |= min(circles, key=lambda more: (_people(more, table), len(more), sorted(more)), default=set())
    return hidden


def _circles(cell: Cell, table: Table) -> Iterator[set[Cell]]:
    row, column = cell
    for other in table.keys() - {row}:
        for besides in table[other].keys() - {column}:
            across, beside, below = table[other][besides], table[row][besides], table[other][column]
            # One of the cell's people changes places with one across, or one beside with one below.
            if across or (beside and below):
                yield {cell, (row, besides), (other, column), (other, besides)}


def _people(cells: Collection[Cell], table: Table) -> int:
    return sum(table[row][column] for row, column in cells)
