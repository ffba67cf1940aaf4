"""Is a stack Active, and which of its pods serves? (I4: verdicts outlast rounds and restarts.)

A stack is Active while any of its incarnations is healthy, so a change of incarnation is no failure
of the stack. In this order it is Absent, Left, Quarantined, Joining, Failed or Active.
"""

from __future__ import annotations

from vipa.core import damping, forms, monitor
from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Inventory
from vipa.core.judgement import Before, Judgement, before
from vipa.core.reasons import Candidate, Verdict
from vipa.core.resources import OnUnresponsive, Phase, Stack, Sysplex
from vipa.core.snapshot import Snapshot


def serving(
    snapshot: Snapshot, key: Key, pods: list[Pod], last: Before
) -> tuple[Verdict, Pod | None]:
    """The incarnation that serves, or waits to: the one that did, while it is healthy; else the
    oldest.

    After a gap the oldest healthy one serves, unless a record still names another: a kept last
    owner still serves, and an owner written just before a restart is known by its record alone.
    """
    found = [(monitor.healthy(snapshot, pod), pod) for pod in pods]
    healthy = [(verdict, pod) for verdict, pod in found if verdict.eligible]
    if healthy:
        if last.phase in (Phase.ACTIVE, Phase.LEFT, Phase.JOINING):
            for verdict, pod in healthy:
                if pod.uid == last.uid:
                    return verdict, pod
        for verdict, pod in healthy:
            if pod.uid in snapshot.world.records_by_pod:
                return verdict, pod
        return healthy[0]
    for verdict, pod in found:
        if pod.uid == last.uid:
            return verdict, pod
    if found:
        return found[0]
    return Verdict(Candidate.ABSENT, f"no pod of stack {key.name}"), None


def sysplex_of(world: Inventory, key: Key, pods: list[Pod]) -> str:
    """The Sysplex that a stack name belongs to: what the Stack says, else the oldest one asking."""
    stack = world.stacks.get(key)
    if stack is not None:
        return stack.sysplex
    asking = {pod.sysplex for pod in pods}
    known = [plex for name in asking if (plex := world.sysplexes.get(Key(key.namespace, name)))]
    return min(known, key=lambda plex: (plex.created, plex.key)).key.name if known else ""


def judge(snapshot: Snapshot, key: Key, known: Judgement | None) -> Judgement:
    """What this stack is now. `join_number` is 0 where one is due: the plan gives them in order."""
    world = snapshot.world
    pods = world.members(key)
    stack = world.stacks.get(key)
    last = before(stack, known, snapshot.now, snapshot.clock)
    name = sysplex_of(world, key, pods)
    plex = world.sysplexes.get(Key(key.namespace, name))
    if plex is not None:
        members = [pod for pod in pods if pod.sysplex == name]
        health, pod = serving(snapshot, key, members, last)
    elif pods:
        asked = name or ", ".join(sorted({pod.sysplex for pod in pods}))
        health, pod = Verdict(Candidate.ABSENT, f"there is no Sysplex {asked}"), None
    else:
        health, pod = Verdict(Candidate.ABSENT, f"no pod of stack {key.name}"), None
    found = Judgement(name, Phase.ABSENT, health, health, health.reason, "", 0, pod)
    found = _member(snapshot, key.name, stack, plex, last, found)
    unchanged = last.phase is found.phase and last.reason == found.reason and last.since
    join = last.join_number if not found.active or last.phase is Phase.ACTIVE else 0
    return found._replace(since=last.since if unchanged else snapshot.now, join_number=join)


def _member(
    snapshot: Snapshot,
    name: str,
    stack: Stack | None,
    plex: Sysplex | None,
    last: Before,
    found: Judgement,
) -> Judgement:
    """What the group makes of the health of a stack: expelled, damped, or to wait."""
    now, verdict = snapshot.now, found.health
    joined = stack.join_requested if stack is not None else ""
    left = stack is not None and stack.left
    expelled = _expelled(plex, last, found, now, joined, left=left)
    reason = ""
    if found.serving is not None and left:
        text = f"stack {name} has left the group: membership is Left"
        verdict = _out(text, found.health)
    elif found.serving is not None and expelled:
        text = f"the monitor expelled stack {name}; vipa join {name} lets it join again"
        verdict, reason = _out(text, found.health), monitor.AUTONOMICS
    failed = last.phase is Phase.ACTIVE and not verdict.eligible and not left
    spec = plex.damping if plex is not None else None
    damped = damping.after(spec, last.damping, now, failed=failed, joined=joined)
    # Whoever is out of the group begins to wait when it is let in: nothing in the API tells a
    # fresh operator for how long it has been healthy until then.
    healthy_at = None
    if verdict.eligible:
        healthy_at = snapshot.clock if last.healthy_at is None else last.healthy_at
        if spec is not None and damping.due(damped):
            damped = damping.begun(spec, damped, now)
    found = found._replace(damping=damped, expelled_since=expelled, healthy_at=healthy_at)
    delay = plex.join_delay if plex is not None and last.phase is not Phase.ACTIVE else 0.0
    return _waiting(snapshot, name, delay, found._replace(verdict=verdict, reason=reason))


def _out(text: str, health: Verdict) -> Verdict:
    """Out of the group, and what is wrong with its pod: a fresh operator reads here whether it
    answers."""
    wrong = "" if health.eligible else f"{monitor.BESIDES}{health.message}"
    return Verdict(Candidate.LEFT, text + wrong)


def _expelled(
    plex: Sysplex | None, last: Before, found: Judgement, now: str, joined: str, *, left: bool
) -> str:
    """Since when the stack is expelled under LeaveUntilJoined; it outlives pods and restarts.

    Who leaves by command in the same moment is not expelled: it is out already.
    """
    request = forms.seconds(joined)
    since = last.expelled_since
    if since and request is not None and request > (forms.seconds(since) or 0):
        since = ""
    watched = plex.monitor if plex is not None else None
    if watched is None or watched.on_unresponsive is not OnUnresponsive.LEAVE_UNTIL_JOINED:
        return since
    silent = found.health.reason is Candidate.UNRESPONSIVE
    return since or (now if silent and not left and last.phase is Phase.ACTIVE else "")


def _waiting(snapshot: Snapshot, name: str, delay: float, found: Judgement) -> Judgement:
    """Quarantine goes before the delay; both run from when they began, at the same time."""
    left = damping.remaining(found.damping, snapshot.now)
    verdict, due = found.verdict, None
    if left:
        due = snapshot.clock + left
        if verdict.eligible:
            until = found.damping.until
            text = (
                f"stack {name} failed too often, quarantined until {until}; "
                f"vipa join {name} releases it"
            )
            verdict = Verdict(Candidate.QUARANTINED, text)
    elif verdict.eligible and found.healthy_at is not None:
        ripe = found.healthy_at + delay
        if delay and snapshot.clock < ripe:
            due = ripe
            text = f"stack {name} joins after it has been healthy for {delay:g} s"
            verdict = Verdict(Candidate.JOINING, text)
    phase = phase_of(verdict, quarantined=left > 0)
    reason = found.reason or str(verdict.reason)
    return found._replace(verdict=verdict, reason=reason, phase=phase, due=due)


def phase_of(verdict: Verdict, *, quarantined: bool) -> Phase:
    match verdict.reason:
        case Candidate.ABSENT:
            return Phase.ABSENT
        case Candidate.LEFT:
            return Phase.LEFT
        case _ if quarantined:
            return Phase.QUARANTINED
        case Candidate.JOINING:
            return Phase.JOINING
        case Candidate.ELIGIBLE:
            return Phase.ACTIVE
        case _:
            return Phase.FAILED
