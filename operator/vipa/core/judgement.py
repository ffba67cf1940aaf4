"""The verdict on a stack, and the last one: from memory, else adopted from the API (I4)."""

from __future__ import annotations

from typing import NamedTuple

from vipa.core import forms
from vipa.core.cluster import Pod
from vipa.core.reasons import Candidate, Verdict
from vipa.core.resources import Damped, Phase, Stack, StackStatus

# In these a stack was healthy ever since the phase began.
WAITING = ((Phase.JOINING, Candidate.JOINING), (Phase.QUARANTINED, Candidate.QUARANTINED))


class Judgement(NamedTuple):
    """What a stack is now. `health` speaks of its pods alone, whatever its membership (Static).

    `reason` is the verdict's, or Autonomics for a stack that the monitor expelled. `healthy_at` and
    `due` are on the observer's monotonic clock: since when it is healthy, and when this verdict may
    change although nothing happens.
    """

    sysplex: str
    phase: Phase
    verdict: Verdict
    health: Verdict
    reason: str
    since: str
    join_number: int
    serving: Pod | None
    damping: Damped = Damped()
    expelled_since: str = ""
    healthy_at: float | None = None
    due: float | None = None

    @property
    def active(self) -> bool:
        return self.phase is Phase.ACTIVE


class Before(NamedTuple):
    """The last verdict about a stack."""

    phase: Phase | None
    reason: str
    message: str
    since: str
    uid: str
    join_number: int
    damping: Damped
    expelled_since: str
    healthy_at: float | None


def before(stack: Stack | None, known: Judgement | None, now: str, clock: float) -> Before:
    if known is not None:
        return Before(
            known.phase,
            known.reason,
            known.verdict.message,
            known.since,
            known.serving.uid if known.serving else "",
            known.join_number,
            known.damping,
            known.expelled_since,
            known.healthy_at,
        )
    status = stack.status if stack is not None else StackStatus()
    healthy_at = None
    if (status.phase, status.reason) in WAITING:
        healthy_at = clock - max((forms.seconds(now) or 0) - (forms.seconds(status.since) or 0), 0)
    return Before(
        status.phase,
        status.reason,
        status.message,
        status.since,
        status.pod_uid,
        status.join_number,
        status.damping,
        status.expelled_since,
        healthy_at,
    )
