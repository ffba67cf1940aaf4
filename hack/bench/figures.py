"""From samples to figures: milliseconds, medians, p99, ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hack.bench.driving import FLOOR, OURS, OURS_BESIDE, STOCK, STOCK_BESIDE, Sample
from hack.bench.processes import FailedError
from hack.bench.stamps import Story

Figures = dict[str, Any]


class Wish(NamedTuple):
    """A ratio and what it should be at most."""

    name: str
    value: float
    at_most: float

    @property
    def met(self) -> bool:
        return self.value <= self.at_most


def percentile(values: list[float], share: float) -> float:
    """Nearest rank: a value that was measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(by_repetition: Mapping[int, list[float]]) -> Figures:
    everything = [value for values in by_repetition.values() for value in values]
    medians = [round(statistics.median(values), 3) for values in by_repetition.values()]
    return {
        "p50": round(statistics.median(everything), 3),
        "p99": round(percentile(everything, 0.99), 3),
        "n": len(everything),
        "p50 by repetition": medians,
    }


def since_seen(sample: Sample, stories: Mapping[str, Story]) -> float:
    """(a) of a sample in milliseconds. Raises FailedError if its handler stamped nothing."""
    at = stories[sample.kind].seen(sample.pod, sample.version)
    if at is None:
        raise FailedError(f"{sample.kind} never saw version {sample.version} of {sample.pod}")
    return (sample.saw_at - at) * 1000


def since_patch(sample: Sample) -> float:
    return (sample.saw_at - sample.patched_at) * 1000


def evaluate(samples: Iterable[Sample], stories: Mapping[str, Story]) -> Figures:
    """{"a": {size: {kind: {p50, p99, n}}}, "b": ...}; sizes are text, as JSON has them."""
    grouped: dict[str, dict[str, dict[str, dict[int, list[float]]]]] = {"a": {}, "b": {}, "cpu": {}}
    for sample in samples:
        size, rep = str(sample.size), sample.repetition
        values = {"b": since_patch(sample)}
        if sample.kind in (OURS, FLOOR):
            values["a"] = since_seen(sample, stories)
        if sample.kind == OURS:
            values["cpu"] = sample.cpu_s * 1000
        for part, value in values.items():
            kinds = grouped[part].setdefault(size, {}).setdefault(sample.kind, {})
            kinds.setdefault(rep, []).append(value)
    return {
        "unit": "ms",
        **{
            part: {
                size: {kind: summary(reps) for kind, reps in kinds.items()}
                for size, kinds in sizes.items()
            }
            for part, sizes in grouped.items()
        },
    }


def wishes(found: Figures) -> list[Wish]:
    """What was wanted, at every size; and the largest beside the smallest."""
    made = []
    a, b = found["a"], found["b"]
    for size in a:
        ours, floor = a[size][OURS], a[size][FLOOR]
        made.append(Wish(f"a ours/floor p50 @{size}", ours["p50"] / floor["p50"], 1.25))
        made.append(Wish(f"a ours/floor p99 @{size}", ours["p99"] / floor["p99"], 1.5))
    sizes = sorted(a, key=int)
    small, large = sizes[0], sizes[-1]
    if small != large:
        ratio = a[large][OURS]["p50"] / a[small][OURS]["p50"]
        made.append(Wish(f"a ours p50 @{large}/@{small}", ratio, 1.25))
        ratio = found["cpu"][large][OURS]["p50"] / found["cpu"][small][OURS]["p50"]
        made.append(Wish(f"cpu ours p50 @{large}/@{small}", ratio, 1.25))
    for size in b:
        for name, ours, stock in (
            ("b ours/stock", OURS, STOCK),
            ("b ours/stock, both at once,", OURS_BESIDE, STOCK_BESIDE),
        ):
            ratio = b[size][ours]["p50"] / b[size][stock]["p50"]
            made.append(Wish(f"{name} p50 @{size}", ratio, 1.0))
    return [wish._replace(value=round(wish.value, 3)) for wish in made]
