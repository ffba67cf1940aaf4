"""Whether the history is all there, and the cluster as it was before."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.history import Finding, History

UNASKED_S = 1.0
# A run of which more than this says nothing shows nothing, whatever was not found in it.
LOST_SHARE = 0.2


def nothing_left(history: History) -> Iterator[Finding]:
    """Deletion takes everything away."""
    for line in history.kinds["left"]:
        for thing in line["things"]:
            yield Finding(line["t"], "nothing left", f"{thing} is still there")


def complete(history: History) -> Iterator[Finding]:
    """Clients asked all the time, every fault was mended, the file has an end."""
    if not all(history.kinds[kind] for kind in ("run", "asking", "asked", "end")):
        yield Finding(0.0, "complete", "the file has no beginning, or no end")
        return
    if not history.kinds["left"]:
        yield Finding(history.lines[-1]["t"], "complete", "nobody looked what is left")
    for fault in history.faults:
        if fault.settled is None:
            yield Finding(fault.t, "complete", f"{fault.name} was never over")
    start, end = history.kinds["asking"][0]["t"], history.until
    lost = history.gaps.silent_s(start, end)
    if lost > LOST_SHARE * (end - start):
        text = f"of {end - start:.0f} s {lost:.0f} s do not count: nothing is shown by the rest"
        yield Finding(end, "complete", text)
    for vipa in history.chains:
        if not history.records(vipa):
            yield Finding(start, "complete", f"{vipa}: no record was seen")
        yield from _unasked(history, vipa, start, end)


def _unasked(history: History, vipa: str, start: float, end: float) -> Iterator[Finding]:
    spans = [(start, start), (end, end)]
    spans += [
        (line["t"], line.get("until", line["t"]))
        for line in (*history.kinds["answered"], *history.kinds["failed"])
        if line["target"] == vipa
    ]
    reached = start
    for first, last in sorted(spans):
        paused = first - reached - history.gaps.still_s(reached, first)
        if paused > UNASKED_S:
            yield Finding(reached, "complete", f"{vipa}: nobody asked for {paused:.1f} s")
        reached = max(reached, last)
