"""Who owns a VIPA.

I3  With no eligible owner, the eligible candidate that the chain puts first gets the address. A
    backup that owns is not pre-empted by a better backup; only the primary takes back.
I4  An owner that may stay stays. Nothing here looks at how the snapshot came about.
I5  No owner is a state: with nobody eligible the last owner is kept while it may still serve, else
    the VIPA is released and becomes active again as soon as somebody is eligible.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from vipa.core import candidate, chain, guard, health, membership, monitor
from vipa.core.candidate import Question, Ranked
from vipa.core.chain import Chain
from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Inventory
from vipa.core.judgement import Judgement
from vipa.core.reasons import Candidate, Cause, Kept
from vipa.core.record import Record, Remembered
from vipa.core.resources import Moveable, Phase, Vipa
from vipa.core.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The owner that a VIPA shall have, and why.

    `pod` None: no owner. `cause` None: the holder stays as it is. `kept` says why an owner that is
    no candidate stays.
    """

    stack: str = ""
    pod: Pod | None = None
    cause: Cause | None = None
    kept: Kept | None = None
    domain: str = ""
    candidates: Chain

    @cached_property
    def chain(self) -> tuple[Ranked, ...]:
        """All candidates in order, the owner first."""
        return tuple(sorted(self.candidates, key=lambda ranked: ranked.stack != self.stack))

    @property
    def successors(self) -> list[Ranked]:
        """Who would take the VIPA now, in order."""
        return [r for r in self.chain if r.eligible and r.stack != self.stack]


def judgement(snapshot: Snapshot, key: Key) -> Judgement:
    """The verdict on a stack of this round, or a fresh one for a name that nobody judged."""
    world = snapshot.world
    here = key in world.stacks or key in world.pods_by_stack
    known = snapshot.memory.verdicts.get(key) if here else None
    return known or membership.judge(snapshot, key, None)


def decide(
    snapshot: Snapshot, vipa: Vipa, record: Record | None, lost: Remembered | None
) -> Decision:
    """The decision about one accepted VIPA. `lost`: its record is gone, this is what was in it."""
    world = snapshot.world
    named = chain.entries(world, vipa)
    judged = {s: judgement(snapshot, Key(vipa.key.namespace, s)) for s in named}
    ask = Question(
        vipa=vipa,
        world=world,
        ever_active=bool(record.epoch if record else lost.epoch if lost else 0),
        holder=candidate.healthy(snapshot, record.owner_uid) if record and record.owner else None,
    )
    domain = fixed_domain(ask, judged, record, lost)
    ask = replace(ask, domain=domain)
    found = Chain(ask, judged, named)
    if record is not None and record.owner:
        decision = _hold_or_move(snapshot, ask, found, record)
    else:
        decision = _activate(found, lost)
    if vipa.spec.scope_key and domain is None and decision.cause is Cause.ACTIVATED:
        domain = candidate.label_of(ask, decision.pod)
        found = Chain(replace(ask, domain=domain), judged, named)
    return replace(decision, domain=domain or "", candidates=found)


def fixed_domain(
    ask: Question, judged: dict[str, Judgement], record: Record | None, lost: Remembered | None
) -> str | None:
    """The domain in force, or None while it is open (zos: CPCSCOPE).

    Fixed once: by the primary becoming Active, or by another stack activating the VIPA (the caller
    sees to that one); from then on the record remembers it.
    """
    spec = ask.vipa.spec
    if not spec.scope_key:
        return None
    remembered = record.domain if record else lost.domain if lost else ""
    if remembered:
        return remembered
    primary = judged.get(spec.primary)
    if primary is None:
        return None
    up = primary.health.eligible if spec.static else primary.active
    if not up or primary.sysplex != spec.sysplex:
        return None
    return candidate.label_of(ask, primary.serving) or None


def _activate(found: Chain, lost: Remembered | None) -> Decision:
    """No owner: the head of the chain, or after the loss of a record the same owner again."""
    former = found.of(lost.owner) if lost is not None else None
    chosen = former if former is not None and former.eligible else found.head
    if chosen is None:
        return Decision(candidates=found)
    return Decision(stack=chosen.stack, pod=chosen.pod, cause=Cause.ACTIVATED, candidates=found)


def _hold_or_move(snapshot: Snapshot, ask: Question, found: Chain, record: Record) -> Decision:
    spec = ask.vipa.spec
    own, head = found.of(record.owner), found.head
    stays = own is not None and own.eligible
    pinned = head is not None and head.stack == spec.move_to
    takes_back = (
        head is not None and spec.moveable is Moveable.IMMEDIATE and head.stack == spec.primary
    )
    if own is not None and stays and (head is own or not (pinned or takes_back)):
        return _same_stack(ask, found, own, record)
    if head is None:
        return _keep_or_release(snapshot, ask, found, record, named=own is not None)
    if stays:
        cause = Cause.TAKEN_BACK if takes_back else Cause.MOVED
    elif (kept := _without_witness(snapshot, ask, found, head, record)) is not None:
        return kept
    else:
        cause = loss(snapshot, ask, record)
    return Decision(stack=head.stack, pod=head.pod, cause=cause, candidates=found)


def _without_witness(
    snapshot: Snapshot, ask: Question, found: Chain, head: Ranked, record: Record
) -> Decision | None:
    """No witness, no move (I10): a verdict of the monitor alone moves an address only to a stack
    that has answered a probe which started after the owner's first unanswered one. Otherwise the
    observer itself may be deaf.
    """
    own = found.of(record.owner)
    if own is None or own.verdict.reason not in (Candidate.UNRESPONSIVE, Candidate.LEFT):
        return None
    pod = owner_pod(ask.world, ask.vipa, record)
    if pod is None or not health.facts(pod, ask.world.nodes).eligible or head.pod is None:
        return None
    if _told_to_go(ask.world, ask, record) or _out_of_scope(ask, pod):
        return None
    if monitor.silence(snapshot, pod) is None:
        return None  # nobody asks, or it is expelled and answers again: then nobody is deaf
    owner = Key(ask.vipa.key.namespace, record.owner)
    if guard.has_answered_since(snapshot, head.pod, guard.silent_since(snapshot, owner)):
        return None
    address = candidate.address_of(ask.vipa, pod)
    cause = None if address == record.ip else Cause.POD_REPLACED
    return Decision(
        stack=record.owner, pod=pod, cause=cause, kept=Kept.NO_WITNESS, candidates=found
    )


def _same_stack(ask: Question, found: Chain, own: Ranked, record: Record) -> Decision:
    """The stack stays; another pod, or another address under the same uid, is a new holder."""
    assert own.pod is not None
    same = own.pod.uid == record.owner_uid and candidate.address_of(ask.vipa, own.pod) == record.ip
    cause = None if same else Cause.POD_REPLACED
    return Decision(stack=own.stack, pod=own.pod, cause=cause, candidates=found)


def owner_pod(world: Inventory, vipa: Vipa, record: Record) -> Pod | None:
    """The pod that the record names, as long as it is still that stack in that group."""
    pod = world.pod_of(record.owner_uid)
    if pod is None or pod.sysplex != vipa.spec.sysplex:
        return None
    return pod if pod.stack_key == Key(vipa.key.namespace, record.owner) else None


def _keep_or_release(
    snapshot: Snapshot, ask: Question, found: Chain, record: Record, *, named: bool
) -> Decision:
    """Nobody is eligible. LastOwnerKept goes before NoSuccessor where both apply."""
    world = ask.world
    pod = owner_pod(world, ask.vipa, record)
    released = Decision(cause=loss(snapshot, ask, record), candidates=found)
    if pod is None or not health.may_still_serve(pod, world.nodes):
        return released
    address = candidate.address_of(ask.vipa, pod)
    if not address or _told_to_go(world, ask, record) or _out_of_scope(ask, pod):
        return released
    if ask.vipa.spec.static and not named:
        return released  # zos: OBEYFILE moves a static VIPA, it never has two homes
    healthy = monitor.healthy(snapshot, pod).eligible and not _waits(snapshot, ask, record)
    return Decision(
        stack=record.owner,
        pod=pod,
        cause=None if address == record.ip else Cause.POD_REPLACED,
        kept=Kept.NO_SUCCESSOR if healthy else Kept.LAST_OWNER,
        candidates=found,
    )


def _out_of_scope(ask: Question, pod: Pod) -> bool:
    if not ask.vipa.spec.scope_key:
        return False
    label = candidate.label_of(ask, pod)
    return not label or (ask.domain is not None and label != ask.domain)


def _told_to_go(world: Inventory, ask: Question, record: Record) -> Cause | None:
    """An operator's word also releases what is terminating or silent; Static obeys neither."""
    stack = world.stacks.get(Key(ask.vipa.key.namespace, record.owner))
    if stack is None or ask.vipa.spec.static:
        return None
    if stack.left:
        return Cause.OWNER_LEFT
    return Cause.DEACTIVATED if ask.vipa.key.name in stack.deactivated else None


def _waits(snapshot: Snapshot, ask: Question, record: Record) -> bool:
    """Whether the owner is healthy and yet no member: expelled, quarantined, or to join later."""
    if ask.vipa.spec.static:
        return False
    judged = judgement(snapshot, Key(ask.vipa.key.namespace, record.owner))
    return judged.phase in (Phase.LEFT, Phase.QUARANTINED, Phase.JOINING)


def loss(snapshot: Snapshot, ask: Question, record: Record) -> Cause:
    """Why an owner cannot stay: the first of reasons.Cause that applies."""
    world = snapshot.world
    pod = owner_pod(world, ask.vipa, record)
    if pod is None:
        return Cause.OWNER_GONE
    node = world.nodes.get(pod.node)
    if node is None or not node.reports:
        return Cause.NODE_FAILED
    if pod.terminating:
        return Cause.OWNER_STOPPED
    if not monitor.healthy(snapshot, pod).eligible:
        return Cause.OWNER_FAILED
    told = _told_to_go(world, ask, record)
    if told is None and _waits(snapshot, ask, record):
        return Cause.OWNER_FAILED
    return told or Cause.GIVEN_UP
