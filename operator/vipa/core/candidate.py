"""One candidate for a VIPA: what is asked about it, in order, and the verdict.

Each check below says what it protects; the first finding counts, in the order of
`reasons.Candidate`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from vipa.core import monitor
from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Inventory, number
from vipa.core.judgement import Judgement
from vipa.core.reasons import Candidate, Verdict
from vipa.core.resources import Vipa
from vipa.core.snapshot import Snapshot

UNJOINED = 1 << 62


class Entry(NamedTuple):
    """A stack as it is ranked. `activate` False is the short form (zos: VIPABACKUP)."""

    stack: str
    rank: int
    activate: bool
    overlaps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with what was found about it; `pod` would serve if it became owner."""

    entry: Entry
    verdict: Verdict
    pod: Pod | None
    active: bool
    join_number: int

    @property
    def eligible(self) -> bool:
        return self.verdict.eligible

    @property
    def stack(self) -> str:
        return self.entry.stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the checks read. `domain` None: no limit yet; `ever_active`: the epoch has left 0;
    `holder`: the pod that the record names, while it is healthy."""

    vipa: Vipa
    world: Inventory
    ever_active: bool
    domain: str | None = None
    holder: Pod | None = None


def member(ask: Question, entry: Entry, judged: Judgement, pod: Pod | None) -> Verdict | None:
    """Only a healthy member of the group; a Static VIPA asks for health, not for membership."""
    if judged.sysplex != ask.vipa.spec.sysplex and judged.serving is not None:
        text = f"stack {entry.stack} belongs to Sysplex {judged.sysplex}"
        return Verdict(Candidate.ABSENT, text)
    verdict = judged.health if ask.vipa.spec.static else judged.verdict
    return None if verdict.eligible else verdict


def activated(ask: Question, entry: Entry, judged: Judgement, pod: Pod | None) -> Verdict | None:
    """The operator's word: VARY DEACTIVATE. A Static VIPA cannot be deactivated."""
    stack = ask.world.stacks.get(Key(ask.vipa.key.namespace, entry.stack))
    if stack is None or ask.vipa.spec.static or ask.vipa.key.name not in stack.deactivated:
        return None
    text = f"deactivated on stack {entry.stack} (spec.deactivated names {ask.vipa.key.name})"
    return Verdict(Candidate.DEACTIVATED, text)


def label_of(ask: Question, pod: Pod | None) -> str:
    node = ask.world.nodes.get(pod.node) if pod is not None else None
    return node.labels.get(ask.vipa.spec.scope_key, "") if node is not None else ""


def in_scope(ask: Question, entry: Entry, judged: Judgement, pod: Pod | None) -> Verdict | None:
    """zos: CPCSCOPE. A node without the label is outside of every domain."""
    key = ask.vipa.spec.scope_key
    if not key:
        return None
    label = label_of(ask, pod)
    if not label:
        node = pod.node if pod is not None else "(none)"
        return Verdict(Candidate.OUT_OF_SCOPE, f"node {node} has no label {key}")
    if ask.domain is not None and label != ask.domain:
        text = f"in {label}, but the address stays in {ask.domain} ({key})"
        return Verdict(Candidate.OUT_OF_SCOPE, text)
    return None


def long_form(ask: Question, entry: Entry, judged: Judgement, pod: Pod | None) -> Verdict | None:
    """A short-form backup takes over; it does not activate what was never active."""
    if ask.ever_active or entry.activate:
        return None
    text = "ranked with activate: false, and the VIPA was never active since it was created"
    return Verdict(Candidate.SHORT_FORM, text)


def address_of(vipa: Vipa, pod: Pod) -> str:
    """The pod's address of the VIPA's family, or nothing."""
    wanted = number(vipa.spec.address)
    for ip in pod.ips:
        value = number(ip)
        if wanted is not None and value is not None and value[0] == wanted[0]:
            return ip
    return ""


def has_address(ask: Question, entry: Entry, judged: Judgement, pod: Pod | None) -> Verdict | None:
    """An IPv6 address cannot be carried by an IPv4 endpoint."""
    if pod is not None and not address_of(ask.vipa, pod):
        text = f"pod {pod.key.name} has no address of the family of {ask.vipa.spec.address}"
        return Verdict(Candidate.NO_ADDRESS_OF_FAMILY, text)
    return None


def has_ports(ask: Question, entry: Entry, judged: Judgement, pod: Pod | None) -> Verdict | None:
    """A named port that the pod lacks would be a hole in the Service."""
    known = {name for name, _ in pod.ports} if pod is not None else set()
    for port in ask.vipa.spec.ports:
        if isinstance(port.target, str) and port.target not in known:
            name = pod.key.name if pod is not None else "(none)"
            text = f"pod {name} has no container port named {port.target}"
            return Verdict(Candidate.PORT_MISSING, text)
    return None


Check = Callable[[Question, Entry, Judgement, "Pod | None"], "Verdict | None"]
CHECKS: tuple[Check, ...] = (member, activated, in_scope, long_form, has_address, has_ports)


def pod_for(ask: Question, judged: Judgement) -> Pod | None:
    """Who would serve: the holder itself while it is healthy, else the stack's serving pod.

    The holder is preferred per VIPA because a record may be ahead of Stack.status after a crash.
    """
    holder, serving = ask.holder, judged.serving
    if holder is None or serving is None or holder.stack_key != serving.stack_key:
        return serving
    return holder if holder.sysplex == judged.sysplex else serving


def healthy(snapshot: Snapshot, uid: str) -> Pod | None:
    """The pod of this uid, if nothing is wrong with it."""
    pod = snapshot.world.pod_of(uid)
    if pod is None or not monitor.healthy(snapshot, pod).eligible:
        return None
    return pod


def check(ask: Question, entry: Entry, judged: Judgement) -> Ranked:
    """The verdict about one candidate."""
    pod = pod_for(ask, judged)
    verdict = None
    for test in CHECKS:
        verdict = test(ask, entry, judged, pod)
        if verdict is not None:
            break
    if verdict is None:
        verdict = Verdict(Candidate.ELIGIBLE, judged.verdict.message or "healthy")
    joined = judged.join_number if judged.active else UNJOINED
    active = judged.active and judged.sysplex == ask.vipa.spec.sysplex
    return Ranked(entry=entry, verdict=verdict, pod=pod, active=active, join_number=joined)
