"""Measure contenders side by side in one process, and print what was found.

In every round each contender runs once, in an order that changes from round to round, so that what slows a machine down
for a while slows all of them down. Two figures are kept: the best time, which disturbances cannot improve, and the
median. Ratios are of the best to the best, and the median of the rounds' own ratios. The cyclic garbage collector
runs as it does in any program; each contender starts with what the others left collected.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from time import perf_counter
from typing import Any

#: A measurement of a fast function is of many calls, which take about this long together.
BATCH_SECONDS = 0.002


@dataclass(frozen=True)
class Timing:
    """Seconds a call, round by round."""

    rounds: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.rounds)

    @property
    def median(self) -> float:
        return median(self.rounds)

    def over(self, unit: Timing) -> float:
        """The ratio of the best times."""
        return self.best / unit.best

    def median_over(self, unit: Timing) -> float:
        """The median of the ratios of the rounds."""
        return median(a / b for a, b in zip(self.rounds, unit.rounds, strict=True))


@dataclass(frozen=True)
class Table:
    """Figures under headers, the first column names."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    note: str = ""

    def __str__(self) -> str:
        cells = [list(self.headers), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.headers))]
        cells.insert(1, ["-" * width for width in widths])
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
        return "\n".join([f"## {self.title}", *lines, *filter(None, [self.note])])

    def as_dict(self) -> dict[str, Any]:
        """The table for ``--json``: a record a row."""
        keys = [header or "name" for header in self.headers]
        records = [dict(zip(keys, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": records, "note": self.note}


def interleaved(
    contenders: Mapping[str, Callable[[], Any]], seconds: float = 4.0, least: int = 3, most: int = 400
) -> dict[str, Timing]:
    """Time the contenders in ``least`` to ``most`` rounds, as many as about ``seconds`` allow."""
    calls = {}
    round_seconds = 0.0
    for name, run in contenders.items():
        first = _time(run, 1)  # warms up: caches, lazy imports
        once = min(first, _time(run, 1))
        calls[name] = max(1, ceil(BATCH_SECONDS / once))
        round_seconds += calls[name] * once
    rounds = max(least, min(most, int(seconds / round_seconds)))
    found: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    gc.collect()
    gc.freeze()  # modules and inputs live on: looking through them again at each collection is nobody's cost
    try:
        for _ in range(rounds):
            shuffle(order)
            for name in order:
                gc.collect()
                found[name].append(_time(contenders[name], calls[name]))
    finally:
        gc.unfreeze()
    return {name: Timing(tuple(times)) for name, times in found.items()}


def compared(title: str, timings: Mapping[str, Timing], unit: str, note: str = "") -> Table:
    """Return the timings in units of one of them."""
    one = timings[unit]
    rows = [(name, 1e6 * t.best, 1e6 * t.median, t.over(one), t.median_over(one)) for name, t in timings.items()]
    return Table(title, ("", "best µs", "median µs", "× best", "× median"), rows, note)


def _time(run: Callable[[], Any], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        run()
    return (perf_counter() - start) / calls


def _shown(cell: str | float | None) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
