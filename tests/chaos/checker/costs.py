"""What each fault cost each target, as it was seen: nothing is subtracted from a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.chaos.checker.history import CONTROL, Fault, History, Line
from tests.chaos.checker.outages import EVERY_S, outage, own
from tests.chaos.checker.timing import ownerless


class Cost(NamedTuple):
    """What one fault cost one target: seconds without an owner, and without service.

    `shared`: connects that failed together with the stock Service's, at a pod that did not move.
    `lost`: seconds of it of which connects say nothing, or in which nobody could see.
    """

    fault: str
    target: str
    ownerless: float | None
    outage: float
    failed: int
    patient: bool = False
    shared: int = 0
    lost: float = 0.0


def costs(lines: Iterable[Line]) -> Iterator[Cost]:
    """One for each fault that was over, and target; `ownerless`: None where no owner was lost."""
    history = History.of(lines)
    targets = {line["target"] for line in history.kinds["answered"]} - {CONTROL}
    for fault in (one for one in history.faults if one.settled is not None):
        for target in sorted(targets):
            yield _cost(history, fault, target)


def _cost(history: History, fault: Fault, target: str) -> Cost:
    found = outage(history, target, fault)
    span = ownerless(history, target, fault)
    failed = len(own(history, target, fault))
    in_all = sum(fault.spans(line["t"]) for line in history.failures(target))
    return Cost(
        fault.name,
        target,
        None if span is None else span[1] - span[0],
        found[1] - found[0] + EVERY_S if found else 0.0,
        failed,
        fault.patient,
        in_all - failed,
        history.gaps.silent_s(fault.t, fault.over),
    )
