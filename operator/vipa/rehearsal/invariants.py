"""The invariants as far as they can be seen from outside, checked after every step unasked.

They are a second opinion: nothing here calls what decides. Each function says which invariant it
holds the operator to; what it yields is a sentence about how it was broken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from vipa.core.annotation import entries_of
from vipa.core.cluster import Key
from vipa.core.inventory import NOTHING
from vipa.core.monitor import AUTONOMICS
from vipa.core.reasons import Acceptance, Candidate, Cause, Kept
from vipa.core.record import Record
from vipa.core.resources import ChainEntry, Moveable, Phase, StackStatus, State, Vipa
from vipa.rehearsal.observation import Observation, condition
from vipa.rehearsal.wants import EVENTS

UNJOINED = 1 << 62
NOT_ACTIVE = {"NoCandidate", "NoneEligible", "NeverActive"} | {str(a) for a in Acceptance}
ACTIVE = {"Owned"} | {str(kept) for kept in Kept}
Fences = Mapping[Key, tuple[int, int]]


def broken(after: Observation, fences: Fences, *, one_snapshot: bool = True) -> list[str]:
    """Every invariant that a step broke.

    `one_snapshot` False: the operator saw more than one state in this step (`live`, or a pin that
    is gone again), so that its moves cannot be judged by the last one.
    """
    found: list[str] = list(after.broken)
    for key, vipa in sorted(after.world.vipas.items()):
        if vipa.issues or after.blind:
            continue
        for check in CHECKS + (ORDER if one_snapshot else ()):
            found += [f"{key.name}: {text}" for text in check(after, vipa)]
    for key in sorted(after.history):
        found += [f"{key.name}: {text}" for text in terms(after.history[key], fences.get(key))]
    found += [f"I6 {text}" for text in after.restless]
    if not after.blind:
        found += left_behind(after)
    return found


def one_holder(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I1: one owner, whose endpoint is that of one of its pods, and statuses that say the same."""
    record, status = after.record(vipa.key), vipa.status
    shown = [one.stack for one in status.stacks if one.status == "ACTIVE"]
    owners = [record.owner] if record is not None and record.owner else []
    if shown != owners:
        yield f"I1 ACTIVE are {shown}, the record names {owners}"
    stated = [status.owner.stack] if status.owner is not None else []
    if stated != owners:
        yield f"I1 the status names {stated}, the record {owners}"
    if record is None or not record.owner:
        return
    if (status.epoch, status.fence) != (record.epoch, record.fence):
        yield f"I1 the status shows epoch {status.epoch}, the record {record.epoch}"
    pod = after.world.pod_of(record.owner_uid)
    if pod is None or record.ip not in pod.ips or pod.stack != record.owner:
        yield f"I1 the endpoint {record.ip} is no address of a pod of {record.owner}"
    told = {one.vipa: one.epoch for one in entries_of(pod.published or "")} if pod else {}
    if pod is not None and told.get(vipa.key.name) != record.epoch:
        yield f"I1 the pod of {record.owner} is told epoch {told.get(vipa.key.name)}"


def terms(history: tuple[Record | None, ...], last: tuple[int, int] | None) -> Iterator[str]:
    """I2: the epoch rises by one when a holder is written, never otherwise; fences only rise."""
    for old, new in pairwise(history):
        if old is None or new is None or old.vipa_uid != new.vipa_uid:
            continue
        took = new.holder is not None and new.holder != old.holder
        if new.epoch != old.epoch + took:
            yield f"I2 {old.holder} epoch {old.epoch}, then {new.holder} epoch {new.epoch}"
        if new.prefix != old.prefix:
            yield f"I2 the fence changed its front: {old.fence}, then {new.fence}"
    known, seen = [r for r in history if r is not None], last
    uid = ""
    for record in known:
        fence = (record.prefix, record.epoch)
        if seen is not None and (fence < seen or (record.vipa_uid != uid != "" and fence == seen)):
            yield f"I2 the fence fell from {seen[0]}.{seen[1]} to {record.fence}"
        seen, uid = max(seen or fence, fence), record.vipa_uid


def best_first(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I3: who took a VIPA that had no eligible owner is the best of those eligible.

    Not looked at where the order is a matter of the moment: several owners in one step, or a first
    activation, which makes short-form backups eligible and fixes a domain.
    """
    record, history = after.record(vipa.key), after.history.get(vipa.key, ())
    written = [r for r in history[1:] if r is not None and r.owner]
    if record is None or not record.owner or len(written) != 1 or record.epoch == 1:
        return
    old = history[0]
    if old is None or old.vipa_uid != vipa.uid or old.holder == record.holder:
        return
    eligible = [one for one in vipa.status.chain if one.eligible]
    if any(one.stack == old.owner for one in eligible) and old.owner:
        return  # it could have stayed: that is I4
    first = min(eligible, key=lambda one: _place(after, vipa, one), default=None)
    if first is None or first.stack != record.owner:
        yield f"I3 {record.owner} took it, first in rank was {first.stack if first else 'nobody'}"


def _place(seen: Observation, vipa: Vipa, one: ChainEntry) -> tuple[bool, int, int, str]:
    stack = seen.world.stacks.get(Key(vipa.key.namespace, one.stack))
    joined = stack.status.join_number if stack is not None else 0
    return one.stack != vipa.spec.move_to, -one.rank, joined or UNJOINED, one.stack


def _new_holder(after: Observation, vipa: Vipa) -> tuple[Record, Record] | None:
    """The records before and after the only change of owner from a stack to another, if there was
    one."""
    record, history = after.record(vipa.key), after.history.get(vipa.key, ())
    holders = [r for r in history[1:] if r is not None and r.owner]
    old = history[0] if history else None
    if record is None or old is None or old.vipa_uid != vipa.uid or len(holders) != 1:
        return None
    moved = record.owner and old.owner and record.owner != old.owner
    return (old, record) if moved else None


def active_first(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I3: who joins, is quarantined or out of the group takes nothing. A Static VIPA follows its
    primary whatever its membership."""
    found = _new_holder(after, vipa)
    if found is None or vipa.spec.static:
        return
    stack = after.world.stacks.get(Key(vipa.key.namespace, found[1].owner))
    if stack is not None and stack.status.phase is not Phase.ACTIVE:
        yield f"I3 {stack.key.name} took it and is {stack.status.phase}"


def witnessed(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I10: for its silence alone an owner loses an address only to one that was heard since."""
    found = _new_holder(after, vipa)
    if found is None:
        return
    old, new = found
    pod, stack = after.world.pod_of(old.owner_uid), Key(vipa.key.namespace, old.owner)
    status = after.world.stacks[stack].status if stack in after.world.stacks else StackStatus()
    silent = after.unheard.get(old.owner_uid)
    if pod is None or not pod.ready or pod.terminating or silent is None:
        return
    if status.reason not in (Candidate.UNRESPONSIVE, AUTONOMICS):
        return
    if all(one.stack != old.owner for one in vipa.status.chain):
        return  # no ranking names it any more: it goes by an administrator's word
    plex = after.world.sysplexes.get(Key(vipa.key.namespace, vipa.spec.sysplex))
    if plex is None or plex.monitor is None:
        return  # nobody asks any more, so nobody is deaf
    if new.last_move is None or new.last_move.reason != Cause.OWNER_FAILED:
        return
    if after.heard.get(new.owner_uid, -math.inf) <= silent:
        yield f"I10 {new.owner} took it from {old.owner}, which is silent, and was not heard since"


def minimal_moves(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I4: an owner that is eligible loses a VIPA to a pin or to the primary only."""
    record, history = after.record(vipa.key), after.history.get(vipa.key, ())
    old = history[0] if history else None
    if record is None or old is None or old.vipa_uid != vipa.uid or len(history) != 2:
        return
    stays = any(one.stack == old.owner and one.eligible for one in vipa.status.chain)
    if not old.owner or old.owner == record.owner or not stays:
        return
    takeback = record.owner == vipa.spec.primary and vipa.spec.moveable is Moveable.IMMEDIATE
    if record.owner != vipa.spec.move_to and not takeback:
        yield f"I4 {old.owner} could have stayed, {record.owner or 'nobody'} has it"


def no_owner_is_a_state(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I5: no owner while somebody is eligible cannot be; an owner that is not eligible is kept."""
    record, status = after.record(vipa.key), vipa.status
    if record is None:
        if status.state not in (State.PENDING, State.REJECTED):
            yield f"I5 it is {status.state or 'without a state'} and has no record"
        return
    eligible = [one.stack for one in status.chain if one.eligible]
    active = condition(status.conditions, "Active")
    if not record.owner:
        if eligible:
            yield f"I5 nobody owns it, and {', '.join(eligible)} could"
        if status.state != State.INACTIVE or active is None or active.status != "False":
            yield f"I5 without an owner it says {status.state}"
    elif record.owner not in eligible:
        kept = active.reason if active is not None else ""
        held = kept == Kept.NO_WITNESS
        if (eligible and not held) or kept not in set(Kept):
            yield f"I5 {record.owner} is not eligible and owns it; eligible: {eligible}"
    elif status.state != State.ACTIVE:
        yield f"I5 with an owner it says {status.state}"


def reasons_are_words(after: Observation, vipa: Vipa) -> Iterator[str]:
    """I7: each reason is a word that is written down in core.reasons."""
    candidates = {str(one) for one in Candidate}
    for one in vipa.status.chain:
        if one.reason not in candidates:
            yield f"I7 {one.stack} is judged `{one.reason}`"
    move = after.last_move(vipa.key)
    if move is not None and move.reason not in {str(cause) for cause in Cause}:
        yield f"I7 moved for `{move.reason}`"
    active = condition(vipa.status.conditions, "Active")
    known = ACTIVE if active is not None and active.status == "True" else NOT_ACTIVE
    if active is None or active.reason not in known:
        yield f"I7 Active for `{active.reason if active else 'nothing'}`"
    for said in after.events.get(vipa.key, ()):
        if said.event not in EVENTS:
            yield f"I7 event `{said.event}`"
    for key in after.world.stacks_by_sysplex.get(
        Key(vipa.key.namespace, vipa.spec.sysplex), NOTHING
    ):
        status = after.world.stacks[key].status
        if status.phase is not None and status.reason not in candidates | {AUTONOMICS}:
            yield f"I7 stack {key.name} is {status.phase} for `{status.reason}`"


def left_behind(after: Observation) -> Iterator[str]:
    """I8: what belonged to a VIPA goes with it."""
    world = after.world
    uids = {vipa.uid for vipa in world.vipas.values()}
    for record in world.records.values():
        if record.vipa_uid not in uids:
            yield f"I8 the record of {record.vipa} outlived its VIPA"
    for service in world.services.values():
        if service.vipa_uid and service.vipa_uid not in uids:
            yield f"I8 Service {service.key} outlived its VIPA"
    for pod in world.pods.values():
        for one in entries_of(pod.published or ""):
            held = world.records.get(Key(pod.key.namespace, one.vipa))
            if held is None or held.owner_uid != pod.uid:
                yield f"I8 pod {pod.key} is told that it serves {one.vipa}"


Check = Callable[[Observation, Vipa], Iterator[str]]
CHECKS: tuple[Check, ...] = (one_holder, no_owner_is_a_state, reasons_are_words, witnessed)
ORDER: tuple[Check, ...] = (best_first, active_first, minimal_moves)
