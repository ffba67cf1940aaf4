"""The checker's command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos.checker.history import CONTROL, History, Line, read
from tests.chaos.checker.outages import shared
from tests.chaos.checker.verdict import USAGE, Verdict, judge


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("usage: python -m tests.chaos.checker HISTORY", file=sys.stderr)
        return USAGE
    try:
        lines = read(Path(arguments[0]))
        verdict = judge(lines)
    except (ValueError, LookupError) as error:
        # Else Python would end with the exit code of a broken promise of safety.
        print(f"{arguments[0]} is no history: {type(error).__name__}: {error}", file=sys.stderr)
        return USAGE
    for line in report(lines, verdict):
        print(line)
    return verdict.code


def report(lines: Sequence[Line], verdict: Verdict) -> Iterator[str]:
    """Each finding, then what does not count, then the verdict."""
    history = History.of(lines)
    found = (("", verdict.others), (" (left out)", verdict.left_out), (" (safety)", verdict.safety))
    for word, findings in found:
        for one in findings:
            yield f"{one.t:.3f} {one.rule}{word}: {one.text}"
    yield left_out(history, verdict)
    yield f"{len(lines)} lines, {len(history.faults)} faults: {verdict}"


def left_out(history: History, verdict: Verdict) -> str:
    """How much of the run says nothing, so that nobody takes a bad machine for a good product."""
    span = (float("-inf"), float("inf"))
    failed = sum(line["target"] != CONTROL for line in history.kinds["failed"])
    judged = sum(len(history.failures(t)) for t in {f["target"] for f in history.kinds["failed"]})
    together = sum(
        shared(history, vipa, line["t"])
        for vipa in history.chains
        for line in history.failures(vipa)
        if not any(f.bound.moves for f in history.faults if f.spans(line["t"]))
    )
    return (
        f"left out: {history.gaps.still_s(*span):.1f} s stood still "
        f"({history.gaps.unsaid_s(*span):.1f} s with the seconds around), "
        f"{history.gaps.unseen_s(*span):.1f} s unseen, {len(verdict.left_out)} findings, "
        f"{failed - judged} failed connects; {together} failed together with stock's"
    )
