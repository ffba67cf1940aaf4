"""Is a stack Active, and which of its pods serves? (I4: verdicts outlast rounds and restarts.)

A pod is healthy when no check of the chain finds anything. A stack is Active while any of its
incarnations is healthy, so a change of incarnation is no failure of the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from vipa.core.cluster import Key, Node, Pod, Ready
from vipa.core.inventory import Inventory
from vipa.core.reasons import Candidate, Verdict
from vipa.core.resources import Phase, Stack, StackStatus

OK = Verdict(Candidate.ELIGIBLE, "")


class Judgement(NamedTuple):
    """What a stack is now. `health` speaks of its pods alone, whatever its membership (Static)."""

    sysplex: str
    phase: Phase
    verdict: Verdict
    health: Verdict
    since: str
    join_number: int
    serving: Pod | None

    @property
    def active(self) -> bool:
        return self.phase is Phase.ACTIVE


def node_reports(pod: Pod, node: Node | None) -> Verdict | None:
    """A pod is only as alive as its node: a silent node's pods go on saying Ready for minutes."""
    if not pod.node:
        return Verdict(Candidate.NOT_READY, f"pod {pod.key.name} is not scheduled yet")
    if node is None:
        return Verdict(Candidate.NODE_DOWN, f"node {pod.node} does not exist")
    if node.out_of_service:
        return Verdict(Candidate.NODE_DOWN, f"node {pod.node} is tainted out-of-service")
    if node.ready is not Ready.TRUE:
        return Verdict(Candidate.NODE_DOWN, f"node {pod.node} has Ready={node.ready}")
    return None


def not_stopping(pod: Pod, node: Node | None) -> Verdict | None:
    """Deletion counts at once: a planned stop hands over before the process ends."""
    if pod.terminating:
        return Verdict(Candidate.TERMINATING, f"pod {pod.key.name} is being deleted")
    return None


def ready(pod: Pod, node: Node | None) -> Verdict | None:
    if pod.ended:
        return Verdict(Candidate.NOT_READY, f"pod {pod.key.name} has ended")
    if not pod.ips:
        return Verdict(Candidate.NOT_READY, f"pod {pod.key.name} has no address yet")
    if not pod.ready:
        return Verdict(Candidate.NOT_READY, f"pod {pod.key.name} on node {pod.node} is not Ready")
    return None


# In the order of reasons.Candidate: where several apply the first is the cause of the others.
CHECKS: tuple[Callable[[Pod, Node | None], Verdict | None], ...] = (
    node_reports,
    not_stopping,
    ready,
)


def of_pod(pod: Pod, nodes: Mapping[str, Node]) -> Verdict:
    """The first finding about a pod, or OK."""
    node = nodes.get(pod.node)
    for check in CHECKS:
        if finding := check(pod, node):
            return finding
    return Verdict(Candidate.ELIGIBLE, f"pod {pod.key.name} on node {pod.node} is Ready")


def may_still_serve(pod: Pod | None, nodes: Mapping[str, Node]) -> bool:
    """Whether a last owner may keep its address while nobody else can take it (LastOwnerKept).

    Terminating or silent: it may. Gone, ended, out of service or not Ready by the word of a kubelet
    that is alive: it may not. What the node controller writes for the pods of a silent node is not
    the word of a kubelet.
    """
    if pod is None or pod.ended or not pod.ips:
        return False
    node = nodes.get(pod.node)
    if node is None or node.out_of_service:
        return False
    return pod.ready or node.ready is not Ready.TRUE


class Before(NamedTuple):
    """The last verdict about a stack: from memory, else adopted from the API (I4)."""

    phase: Phase | None
    reason: str
    since: str
    uid: str
    join_number: int


def before(stack: Stack | None, known: Judgement | None) -> Before:
    if known is not None:
        uid = known.serving.uid if known.serving else ""
        return Before(known.phase, known.verdict.reason, known.since, uid, known.join_number)
    status = stack.status if stack is not None else StackStatus()
    return Before(status.phase, status.reason, status.since, status.pod_uid, status.join_number)


def serving(
    world: Inventory, key: Key, pods: list[Pod], last: Before
) -> tuple[Verdict, Pod | None]:
    """The incarnation that serves: the one that did, as long as it is healthy; else the oldest.

    After a gap the oldest healthy one serves, unless a record still names another: a kept last
    owner still serves, and an owner written just before a restart is known by its record alone.
    """
    found = [(of_pod(pod, world.nodes), pod) for pod in pods]
    healthy = [(verdict, pod) for verdict, pod in found if verdict.eligible]
    if healthy:
        if last.phase in (Phase.ACTIVE, Phase.LEFT):
            for verdict, pod in healthy:
                if pod.uid == last.uid:
                    return verdict, pod
        for verdict, pod in healthy:
            if pod.uid in world.records_by_pod:
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


def judge(world: Inventory, key: Key, known: Judgement | None, now: str) -> Judgement:
    """What this stack is now. `join_number` is 0 where one is due: the plan gives them in order."""
    pods = world.members(key)
    sysplex = sysplex_of(world, key, pods)
    stack = world.stacks.get(key)
    last = before(stack, known)
    if Key(key.namespace, sysplex) in world.sysplexes:
        members = [pod for pod in pods if pod.sysplex == sysplex]
        health, pod = serving(world, key, members, last)
    elif pods:
        asked = sysplex or ", ".join(sorted({pod.sysplex for pod in pods}))
        health, pod = Verdict(Candidate.ABSENT, f"there is no Sysplex {asked}"), None
    else:
        health, pod = Verdict(Candidate.ABSENT, f"no pod of stack {key.name}"), None
    verdict = health
    if stack is not None and stack.left and pod is not None:
        verdict = Verdict(
            Candidate.LEFT, f"stack {key.name} has left the group: membership is Left"
        )
    phase = phase_of(verdict)
    unchanged = last.phase is phase and last.reason == verdict.reason and last.since
    join = last.join_number if phase is not Phase.ACTIVE or last.phase is Phase.ACTIVE else 0
    return Judgement(sysplex, phase, verdict, health, last.since if unchanged else now, join, pod)


def phase_of(verdict: Verdict) -> Phase:
    match verdict.reason:
        case Candidate.ABSENT:
            return Phase.ABSENT
        case Candidate.LEFT:
            return Phase.LEFT
        case Candidate.ELIGIBLE:
            return Phase.ACTIVE
        case _:
            return Phase.FAILED
