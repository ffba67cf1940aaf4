"""Where a count of answers begins, and for whom (zos: SYSPLEXMONITOR)."""

from __future__ import annotations

from vipa.core import health
from vipa.core.cluster import Key, Pod
from vipa.core.probing import Tally
from vipa.core.reasons import Candidate
from vipa.core.resources import Monitor, Phase
from vipa.core.snapshot import Snapshot

# With one of these as its reason a stack answered, or nobody has ever doubted it.
ANSWERED = (
    Candidate.ELIGIBLE,
    Candidate.LEFT,
    Candidate.QUARANTINED,
    Candidate.JOINING,
)
SILENT = (Candidate.UNRESPONSIVE, "Autonomics")


def of(snapshot: Snapshot, pod: Pod) -> Monitor | None:
    """The monitor that asks this pod; None where nobody asks."""
    if not snapshot.settings.probes:
        return None
    plex = snapshot.world.sysplexes.get(Key(pod.key.namespace, pod.sysplex))
    return plex.monitor if plex is not None else None


def tally(snapshot: Snapshot, pod: Pod, monitor: Monitor) -> Tally:
    """The count for a pod; at first the verdict that the API shows (I4).

    A pod that nothing is known of counts once it has answered once.
    """
    known = snapshot.memory.tallies.get(pod.uid)
    if known is not None:
        return known
    stack = snapshot.world.stacks.get(pod.stack_key)
    last = health.before(stack, snapshot.memory.verdicts.get(pod.stack_key))
    if last.uid == pod.uid and last.phase is not Phase.ABSENT:
        if last.reason in ANSWERED:
            return Tally(silent=False)
        if last.reason in SILENT:
            return Tally(silent=True, needs=monitor.success_threshold)
    return Tally(silent=True, errors=("has not answered the monitor yet",))
