"""Where the milliseconds go: the stages of (a) and (b), for the operator and for the floor."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from hack.bench import figures, report
from hack.bench.driving import FLOOR, OURS, Sample
from hack.bench.stamps import Story
from rich.table import Table

# Each from the stage before it that was stamped. The watcher may see before the reply is there.
ORDER = ("seen", "round", "planned", "sent", "saw", "reply")
LATER_S = 0.5


def show(samples: Iterable[Sample], stories: Mapping[str, Story]) -> None:
    steps: dict[tuple[int, str, str], list[float]] = {}
    for sample in samples:
        if sample.kind not in (OURS, FLOOR):
            continue
        seen = stories[sample.kind].seen(sample.pod, sample.version)
        if seen is None:
            continue
        moments = stories[sample.kind].between(seen, sample.saw_at + LATER_S)
        moments |= {"seen": seen, "saw": sample.saw_at}
        before, last = "patch", sample.patched_at
        for stage in ORDER:
            if stage in moments:
                took = (moments[stage] - last) * 1000
                place = (sample.size, sample.kind, f"{before} → {stage}")
                steps.setdefault(place, []).append(took)
                if stage != "reply":
                    before, last = stage, moments[stage]
    table = Table("VIPAs", "who", "step", "p50 ms", "mean ms", "p90 ms", "p99 ms", "n")
    for (size, kind, step), values in steps.items():
        middle, mean = statistics.median(values), statistics.fmean(values)
        high = tuple(figures.percentile(values, share) for share in (0.9, 0.99))
        cells = [f"{value:.2f}" for value in (middle, mean, *high)]
        table.add_row(f"{size:,}", kind, step, *cells, str(len(values)))
    report.console.print(table)
