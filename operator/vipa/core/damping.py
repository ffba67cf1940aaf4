"""Keeps a stack that fails again and again out of the ranking for a while.

A failure is a change from Active to another phase, a command of an operator aside. After the n-th
within the window the stack is quarantined as soon as it is healthy again.
"""

from __future__ import annotations

import math
from dataclasses import replace

from vipa.core import forms
from vipa.core.resources import Damped, Damping

LONGEST_S = 3600
KEPT = 100


def after(spec: Damping | None, before: Damped, now: str, *, failed: bool, joined: str) -> Damped:
    """What is remembered now. `joined`: when an operator last let the stack join, which forgives
    everything until then.

    What has left the window is forgotten with the next failure, not before: that time passes is no
    reason to write a status.
    """
    if spec is None or (before != Damped() and _forgiven(before, joined)):
        before = Damped()
    if spec is None or not failed:
        return before
    found = _aged(spec, before, now)
    failures = (*found.failures, now)[-KEPT:]
    if len(failures) < spec.failures:
        return replace(found, failures=failures)
    return Damped(failures=failures, quarantines=found.quarantines + 1)


def _forgiven(before: Damped, joined: str) -> bool:
    """A failure of the same second is a later one: it stands, however often it is judged."""
    request = forms.seconds(joined)
    return request is not None and all((forms.seconds(f) or 0) < request for f in before.failures)


def _aged(spec: Damping, before: Damped, now: str) -> Damped:
    """Without the failures that left the window, except while they have a quarantine to explain."""
    if due(before) or remaining(before, now):
        return before
    present = forms.seconds(now) or 0
    failures = tuple(
        one for one in before.failures if present - (forms.seconds(one) or 0) <= spec.window
    )
    if before.until and present - (forms.seconds(before.until) or 0) > spec.window:
        return Damped(failures=failures)
    return replace(before, failures=failures)


def due(damped: Damped) -> bool:
    """A quarantine begins as soon as the stack is healthy."""
    return damped.quarantines > 0 and not damped.until


def begun(spec: Damping, damped: Damped, now: str) -> Damped:
    """The quarantine that was due. Each further one is twice as long."""
    span = min(spec.quarantine * 2 ** min(damped.quarantines - 1, 12), LONGEST_S)
    return replace(damped, until=forms.instant((forms.seconds(now) or 0) + math.ceil(span)))


def remaining(damped: Damped, now: str) -> int:
    """Seconds of quarantine that are left."""
    return max((forms.seconds(damped.until) or 0) - (forms.seconds(now) or 0), 0)
