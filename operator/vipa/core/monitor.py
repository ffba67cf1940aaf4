"""Does a pod answer? (zos: SYSPLEXMONITOR.) The facts first, then what the probes say.

I4  A count begins with the verdict that the API shows. I10  A pod that this observer found silent
    counts as silent only once the guard believes it.
"""

from __future__ import annotations

from vipa.core import forms, health
from vipa.core.cluster import Key, Pod
from vipa.core.judgement import Before, before
from vipa.core.probing import Tally
from vipa.core.reasons import Candidate, Cause, Verdict
from vipa.core.resources import Monitor, OnUnresponsive, Phase
from vipa.core.snapshot import Snapshot

AUTONOMICS = "Autonomics"
# With one of these as its reason a stack answered, or nobody has ever doubted it, unless the
# message goes on to say what is wrong besides.
ANSWERED = (
    Candidate.ELIGIBLE,
    Candidate.LEFT,
    Candidate.QUARANTINED,
    Candidate.JOINING,
    AUTONOMICS,
)
# All are read back from Stack.status.message: there is no other word for it in the API. Of a pod
# that has never answered one answer is enough.
NEVER = "has not answered the monitor yet"
SILENT = "does not answer the monitor"
BESIDES = "; besides, "


def of(snapshot: Snapshot, pod: Pod) -> Monitor | None:
    """The monitor that asks this pod; None where nobody asks."""
    if not snapshot.settings.probes:
        return None
    plex = snapshot.world.sysplexes.get(Key(pod.key.namespace, pod.sysplex))
    return plex.monitor if plex is not None else None


def tally(snapshot: Snapshot, pod: Pod, monitor: Monitor) -> Tally:
    """The count for a pod; at first the verdict that the API shows.

    A pod that nothing is known of counts once it has answered once.
    """
    known = snapshot.memory.tallies.get(pod.uid)
    if known is not None:
        return known
    last = last_of(snapshot, pod.stack_key)
    if last.uid == pod.uid and last.phase is not Phase.ABSENT and NEVER not in last.message:
        said = _adopted(last)
        if not said and _lost_since(snapshot, pod, last.since):
            said = f"{_subject(pod)} {SILENT}, as a record tells"
        if said:
            return Tally(silent=True, needs=monitor.success_threshold, adopted=said)
        if said is not None:
            return Tally(silent=False)
    return Tally(silent=True)


def _adopted(last: Before) -> str | None:
    """What the last verdict says of the silence of its pod, in its words: empty where it says that
    the pod answers, None where it says neither.

    Whoever is out of the group is told so first, and what is wrong with the pod besides.
    """
    said = last.message
    if last.reason in ANSWERED:
        _, wrong, said = said.partition(BESIDES)
        if not wrong:
            return ""
    if last.reason == Candidate.UNRESPONSIVE:
        return said or last.reason
    return said if SILENT in said else None


def _subject(pod: Pod) -> str:
    return f"pod {pod.key.name} on node {pod.node}"


def last_of(snapshot: Snapshot, stack: Key) -> Before:
    """The last verdict about a stack."""
    world, known = snapshot.world, snapshot.memory.verdicts
    return before(world.stacks.get(stack), known.get(stack), snapshot.now, snapshot.clock)


def _lost_since(snapshot: Snapshot, pod: Pod, since: str) -> bool:
    """Whether a record tells of a failure of this stack that its status does not know of yet.

    Records are written first. Without them a crash between the two would let a silent primary take
    its addresses back, and lose them again.
    """
    world, key = snapshot.world, pod.stack_key
    for vipa in world.concerned(key):
        record = world.records.get(vipa)
        move = record.last_move if record is not None else None
        if move is None or move.source != key.name or move.reason != Cause.OWNER_FAILED:
            continue
        if (forms.seconds(move.time) or 0) > (forms.seconds(since) or 0):
            return True
    return False


def matters(snapshot: Snapshot, pod: Pod, old: Tally, new: Tally) -> bool:
    """Whether an answer may change a verdict. That it answered once more is news to nobody, except
    where an address waits for a successor that answers, or nobody has decided yet whether to
    believe that this pod is silent: its next row may be the one that counts."""
    if (old.silent, old.confirmed) != (new.silent, new.confirmed):
        return True
    if new.silent and is_suspect(snapshot, pod):
        return True
    silent = snapshot.memory.silent.get(Key(pod.key.namespace, pod.sysplex))
    return silent is not None and silent.waiting


def silence(snapshot: Snapshot, pod: Pod) -> Tally | None:
    """The tally of a pod that does not answer, believed or not; None for one that does."""
    asking = of(snapshot, pod)
    if asking is None:
        return None
    found = tally(snapshot, pod, asking)
    return found if found.silent else None


def unheard(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether nobody knows yet if this pod answers."""
    found = silence(snapshot, pod)
    return found is not None and not found.adopted and not found.confirmed and found.turned is None


def is_suspect(snapshot: Snapshot, pod: Pod) -> bool:
    """Found silent by this observer while its stack was Active, and nobody has decided yet whether
    to believe it. A stack that is out already does not come in by a doubt."""
    found = snapshot.memory.tallies.get(pod.uid)
    if found is None or not found.silent or found.turned is None:
        return False
    stack = snapshot.world.stacks.get(pod.stack_key)
    # Who is told to leave does so whatever is believed of it.
    if stack is not None and stack.left:
        return False
    if last_of(snapshot, pod.stack_key).phase is not Phase.ACTIVE:
        return False
    return pod.uid not in snapshot.memory.believed


def healthy(snapshot: Snapshot, pod: Pod) -> Verdict:
    """The first finding about a pod, or Eligible."""
    found = health.facts(pod, snapshot.world.nodes)
    if not found.eligible:
        return found
    asking, silent = of(snapshot, pod), silence(snapshot, pod)
    if asking is None or silent is None:
        return found
    text = f"{SILENT}: {silent.message}"
    if unheard(snapshot, pod):
        text = NEVER
    elif silent.adopted and not silent.confirmed:
        text = silent.adopted.removeprefix(f"{_subject(pod)} ")
    if asking.on_unresponsive is OnUnresponsive.REPORT:
        return found._replace(message=f"{found.message}; it {text} (only reported)")
    if is_suspect(snapshot, pod):
        return found._replace(message=f"{found.message}; it {text} (not believed yet)")
    return Verdict(Candidate.UNRESPONSIVE, f"{_subject(pod)} {text}")
