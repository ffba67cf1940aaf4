"""Draw one fault of a chaos history: connects of ours and of the stock Service, over time.

python hack/timeline.py HISTORY FAULT docs/node-kill.svg
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chaos import checker  # noqa: E402

WIDTH, ROW, LEFT, TOP = 960, 110, 90, 40
BEFORE_S = 3.0
ROWS = (("web", "VIPA"), ("stock", "stock Service"))
GREEN, RED, GREY = "#2a9d5c", "#d1495b", "#888888"


class Drawing:
    """Seconds since the fault on the x axis; a column for each bin, failed on top of answered."""

    def __init__(self, history: checker.History, fault: checker.Fault) -> None:
        self._history, self._fault = history, fault
        self._from, self._until = fault.t - BEFORE_S, (fault.settled or fault.t) + 1.0
        self._bin = (self._until - self._from) / 240

    def svg(self) -> str:
        height = TOP + ROW * len(ROWS) + 40
        inside = "\n".join(self._parts())
        size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        style = 'font-family="sans-serif" font-size="13"'
        white = '<rect width="100%" height="100%" fill="white"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{white}\n{inside}\n</svg>\n'
        )

    def _parts(self) -> Iterator[str]:
        title = f"{self._fault.name}: connects every 5 ms, answered (green) and failed (red)"
        yield f'<text x="{LEFT}" y="20">{title}</text>'
        for number, (target, label) in enumerate(ROWS):
            base = TOP + ROW * (number + 1) - 20
            yield f'<text x="4" y="{base - 30}">{label}</text>'
            yield from self._columns(target, base)
            yield f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{base}" y2="{base}" stroke="{GREY}"/>'
        yield from self._axis(TOP + ROW * len(ROWS))

    def _columns(self, target: str, base: int) -> Iterator[str]:
        bins: dict[int, list[float]] = {}
        for line in self._history.kinds["answered"]:
            if line["target"] == target:
                self._spread(bins, line)
        for line in self._history.kinds["failed"]:
            if line["target"] == target and self._from <= line["t"] <= self._until:
                bins.setdefault(self._number(line["t"]), [0.0, 0.0])[1] += 1
        full = self._bin * 200 * 1.1
        for number, (good, bad) in sorted(bins.items()):
            high = [min(value / full, 1.0) * (ROW - 40) for value in (good, bad)]
            x = self._x(self._from + number * self._bin)
            for value, under, colour in ((high[0], 0.0, GREEN), (high[1], high[0], RED)):
                if value:
                    y = base - under - value
                    rest = f'width="3.4" height="{value:.1f}" fill="{colour}"'
                    yield f'<rect x="{x:.1f}" y="{y:.1f}" {rest}/>'

    def _spread(self, bins: dict[int, list[float]], line: dict[str, Any]) -> None:
        """A run of answers, evenly over its time."""
        length = max(line["until"] - line["t"], 0.001)
        for number in range(line["count"]):
            moment = line["t"] + length * number / max(line["count"], 1)
            if self._from <= moment <= self._until:
                bins.setdefault(self._number(moment), [0.0, 0.0])[0] += 1

    def _axis(self, y: int) -> Iterator[str]:
        step = next(s for s in (1, 2, 5, 10, 20, 50) if (self._until - self._from) / s < 14)
        second = -int(BEFORE_S) // step * step
        while self._fault.t + second < self._until:
            x = self._x(self._fault.t + second)
            if x >= LEFT:
                yield f'<text x="{x:.0f}" y="{y}" text-anchor="middle">{second} s</text>'
            second += step
        for number, (moment, word) in enumerate(self._marks()):
            x = self._x(moment)
            line = f'x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 8}" y2="{y - 14}"'
            yield f'<line {line} stroke="black" stroke-dasharray="3 3"/>'
            yield f'<text x="{x + 3:.0f}" y="{y + 20 + 15 * (number % 2)}">{word}</text>'

    def _marks(self) -> Iterator[tuple[float, str]]:
        yield self._fault.t, self._fault.name
        if self._fault.mended:
            yield self._fault.mended, "mended"
        for line in self._history.records("web"):
            if self._fault.t < line["t"] < self._until and line["owner"]:
                yield line["t"], str(line["owner"])

    def _number(self, moment: float) -> int:
        return int((moment - self._from) / self._bin)

    def _x(self, moment: float) -> float:
        share = (moment - self._from) / (self._until - self._from)
        return LEFT + share * (WIDTH - LEFT - 10)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 3 or not Path(arguments[0]).is_file():
        print(__doc__)
        return 2
    history = checker.History.of(checker.read(Path(arguments[0])))
    found = [one for one in history.faults if one.name == arguments[1] and one.settled]
    if not found:
        print(f"{arguments[0]}: no {arguments[1]} in it that was over")
        return 1
    # The one that was left alone the longest shows what the stock Service needs.
    fault = max(found, key=lambda one: (one.mended or 0) - one.t)
    Path(arguments[2]).write_text(Drawing(history, fault).svg())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
