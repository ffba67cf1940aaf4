"""Who owns a VIPA.

I3  With no eligible owner, the eligible candidate that the chain puts first gets the address. A
    backup that owns is not pre-empted by a better backup; only the primary takes back.
I4  An owner that may stay stays. Nothing here looks at how the snapshot came about.
I5  No owner is a state: with nobody eligible the last owner is kept while it may still serve, else
    the VIPA is released and becomes active again as soon as somebody is eligible.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vipa.core import chain, health
from vipa.core.chain import Question, Ranked
from vipa.core.cluster import Key, Pod
from vipa.core.health import Judgement
from vipa.core.inventory import Inventory
from vipa.core.reasons import Cause, Kept
from vipa.core.record import Record, Remembered
from vipa.core.resources import Moveable, Vipa
from vipa.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The owner that a VIPA shall have, and why.

    `pod` None: no owner. `cause` None: the holder stays as it is. `kept` says why an owner that is
    no candidate stays. `chain` holds all candidates in order, the owner first.
    """

    stack: str = ""
    pod: Pod | None = None
    cause: Cause | None = None
    kept: Kept | None = None
    domain: str = ""
    chain: tuple[Ranked, ...] = ()

    @property
    def successors(self) -> list[Ranked]:
        """Who would take the VIPA now, in order."""
        return [r for r in self.chain if r.eligible and r.stack != self.stack]


def judgement(snapshot: Snapshot, key: Key) -> Judgement:
    """The verdict on a stack of this round, or a fresh one for a name that nobody judged."""
    world = snapshot.world
    here = key in world.stacks or key in world.pods_by_stack
    known = snapshot.memory.verdicts.get(key) if here else None
    return known or health.judge(snapshot.world, key, None, snapshot.now)


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
        holder=chain.healthy(world, record.owner_uid) if record and record.owner else None,
    )
    owner = record.owner if record else ""
    domain = fixed_domain(ask, judged, record, lost)
    ask = replace(ask, domain=domain)
    ranked = chain.candidates(ask, judged, named)
    if not owner:
        decision = _activate(ask, ranked, lost)
    else:
        assert record is not None
        decision = _hold_or_move(ask, ranked, record)
    if vipa.spec.scope_key and domain is None and decision.cause is Cause.ACTIVATED:
        domain = chain.label_of(ask, decision.pod)
        ranked = chain.candidates(replace(ask, domain=domain), judged, named)
    owner_first = sorted(ranked, key=lambda r: r.stack != decision.stack)
    return replace(decision, domain=domain or "", chain=tuple(owner_first))


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
    return chain.label_of(ask, primary.serving) or None


def _activate(ask: Question, ranked: list[Ranked], lost: Remembered | None) -> Decision:
    """No owner: the head of the chain, or after the loss of a record the same owner again."""
    eligible = [r for r in ranked if r.eligible]
    if lost is not None and lost.owner:
        eligible.sort(key=lambda r: r.stack != lost.owner)
    if not eligible:
        return Decision()
    return Decision(stack=eligible[0].stack, pod=eligible[0].pod, cause=Cause.ACTIVATED)


def _hold_or_move(ask: Question, ranked: list[Ranked], record: Record) -> Decision:
    spec = ask.vipa.spec
    own = next((r for r in ranked if r.stack == record.owner), None)
    stays = own is not None and own.eligible
    eligible = [r for r in ranked if r.eligible]
    head = eligible[0] if eligible else None
    pinned = head is not None and head.stack == spec.move_to
    takes_back = (
        head is not None and spec.moveable is Moveable.IMMEDIATE and head.stack == spec.primary
    )
    if own is not None and stays and (head is own or not (pinned or takes_back)):
        return _same_stack(ask, own, record)
    if head is not None:
        if stays:
            cause = Cause.TAKEN_BACK if takes_back else Cause.MOVED
        else:
            cause = loss(ask.world, ask, record)
        return Decision(stack=head.stack, pod=head.pod, cause=cause)
    return _keep_or_release(ask.world, ask, record, own)


def _same_stack(ask: Question, own: Ranked, record: Record) -> Decision:
    """The stack stays; another pod, or another address under the same uid, is a new holder."""
    assert own.pod is not None
    same = own.pod.uid == record.owner_uid and chain.address_of(ask.vipa, own.pod) == record.ip
    return Decision(stack=own.stack, pod=own.pod, cause=None if same else Cause.POD_REPLACED)


def owner_pod(world: Inventory, vipa: Vipa, record: Record) -> Pod | None:
    """The pod that the record names, as long as it is still that stack in that group."""
    pod = world.pod_of(record.owner_uid)
    if pod is None or pod.sysplex != vipa.spec.sysplex:
        return None
    return pod if pod.stack_key == Key(vipa.key.namespace, record.owner) else None


def _keep_or_release(
    world: Inventory, ask: Question, record: Record, own: Ranked | None
) -> Decision:
    """Nobody is eligible. LastOwnerKept goes before NoSuccessor where both apply."""
    pod = owner_pod(world, ask.vipa, record)
    cause = loss(world, ask, record)
    if pod is None or not health.may_still_serve(pod, world.nodes):
        return Decision(cause=cause)
    address = chain.address_of(ask.vipa, pod)
    if not address or _told_to_go(world, ask, record) or _out_of_scope(ask, pod):
        return Decision(cause=cause)
    if ask.vipa.spec.static and own is None:
        return Decision(cause=cause)  # zos: OBEYFILE moves a static VIPA, it never has two homes
    healthy = health.of_pod(pod, world.nodes).eligible
    return Decision(
        stack=record.owner,
        pod=pod,
        cause=None if address == record.ip else Cause.POD_REPLACED,
        kept=Kept.NO_SUCCESSOR if healthy else Kept.LAST_OWNER,
    )


def _out_of_scope(ask: Question, pod: Pod) -> bool:
    if not ask.vipa.spec.scope_key:
        return False
    label = chain.label_of(ask, pod)
    return not label or (ask.domain is not None and label != ask.domain)


def _told_to_go(world: Inventory, ask: Question, record: Record) -> Cause | None:
    """An operator's word also releases what is terminating or silent; Static obeys neither."""
    stack = world.stacks.get(Key(ask.vipa.key.namespace, record.owner))
    if stack is None or ask.vipa.spec.static:
        return None
    if stack.left:
        return Cause.OWNER_LEFT
    return Cause.DEACTIVATED if ask.vipa.key.name in stack.deactivated else None


def loss(world: Inventory, ask: Question, record: Record) -> Cause:
    """Why an owner cannot stay: the first of reasons.Cause that applies."""
    pod = owner_pod(world, ask.vipa, record)
    if pod is None:
        return Cause.OWNER_GONE
    node = world.nodes.get(pod.node)
    if node is None or not node.reports:
        return Cause.NODE_FAILED
    if pod.terminating:
        return Cause.OWNER_STOPPED
    if not health.of_pod(pod, world.nodes).eligible:
        return Cause.OWNER_FAILED
    return _told_to_go(world, ask, record) or Cause.GIVEN_UP
