"""The facts about a pod: what the API says of it and of its node. They are always believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vipa.core.cluster import Node, Pod, Ready
from vipa.core.reasons import Candidate, Verdict


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


def facts(pod: Pod, nodes: Mapping[str, Node]) -> Verdict:
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
