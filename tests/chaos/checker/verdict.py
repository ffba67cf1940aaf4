"""The promises, and what is said about a history that was held to them.

Safety holds however slow the machine is; of it nothing is left out. The other promises have a time
in them, and need a machine that keeps up: what is found in a standstill, or soon enough after one
to come of it, is counted and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tests.chaos.checker.bounds import FOLLOW_S, SILENT
from tests.chaos.checker.gaps import EARLIER_S
from tests.chaos.checker.history import Finding, History, Line
from tests.chaos.checker.ownership import (
    at_home,
    best_eligible,
    epoch_and_term,
    one_owner,
    stays_put,
)
from tests.chaos.checker.returning import taken_back
from tests.chaos.checker.service import answers, open_stays, service
from tests.chaos.checker.timing import in_time
from tests.chaos.checker.whole import complete, nothing_left

KEPT, BROKEN, USAGE, LATE = 0, 1, 2, 3
Holds = Callable[[History, Finding], bool]


def always(_: History, __: Finding) -> bool:
    return True


def served(echo_s: float) -> Holds:
    """What clients see depends on the machine, and not on whether anybody watched."""
    return lambda history, found: not history.gaps.stood_still(found.t, echo_s)


def decided(history: History, found: Finding) -> bool:
    """What the operator decides depends on both, and comes when the monitor has counted so far."""
    echo_s = SILENT.ownerless + EARLIER_S
    return not history.gaps.stood_still(found.t, echo_s) and not history.gaps.was_unseen(
        found.t, echo_s
    )


def timed(history: History, found: Finding) -> bool:
    """The rule has subtracted what does not count; of too long a gap nothing remains to be said."""
    return not history.gaps.unknown(found.since or found.t, found.t)


class Rule(NamedTuple):
    """`holds`: whether what it finds means anything, by what is known of the machine."""

    finds: Callable[[History], Iterator[Finding]]
    safety: bool = False
    holds: Holds = always


RULES = (
    Rule(one_owner, safety=True),
    Rule(epoch_and_term, safety=True),
    Rule(nothing_left, safety=True),
    Rule(best_eligible, holds=decided),
    Rule(in_time, holds=timed),
    Rule(at_home),
    Rule(taken_back, holds=timed),
    Rule(stays_put, holds=decided),
    Rule(answers, holds=served(FOLLOW_S)),
    Rule(service),
    Rule(open_stays, holds=served(EARLIER_S)),
    Rule(complete),
)


class Verdict(NamedTuple):
    """What was found: broken safety, other broken promises, and what nobody is held to."""

    safety: tuple[Finding, ...]
    others: tuple[Finding, ...]
    left_out: tuple[Finding, ...]

    @property
    def code(self) -> int:
        if self.safety:
            return BROKEN
        return LATE if self.others else KEPT

    @property
    def broken(self) -> tuple[Finding, ...]:
        return (*self.safety, *self.others)

    def __str__(self) -> str:
        if not self.broken:
            return "all promises kept"
        return f"broken promises: {len(self.safety)} of safety, {len(self.others)} others"


def judge(lines: Iterable[Line]) -> Verdict:
    """Everything that is wrong with this history."""
    history = History.of(lines)
    safety: list[Finding] = []
    others: list[Finding] = []
    left_out: list[Finding] = []
    for rule in RULES:
        for found in rule.finds(history):
            if not rule.holds(history, found):
                left_out.append(found)
            else:
                (safety if rule.safety else others).append(found)
    return Verdict(
        *(tuple(sorted(found, key=lambda one: one.t)) for found in (safety, others, left_out))
    )
