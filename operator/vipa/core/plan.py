"""Snapshot in, plan out.

A round has three parts, each pure:
  `judging`  the verdicts on stacks, and the numbers of those that join;
  `moves`    the records to write: this moves traffic, and nothing else may delay it;
  `publish`  everything that tells others about it, from records as acknowledged.
The operator calls them one by one over what changed; `make` composes them over everything, looking
past each part as if the API server had taken it. So I6 holds by construction: a plan that was cut
off anywhere is planned again from what did arrive.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from vipa.core import (
    acceptance,
    annotation,
    events,
    groupstatus,
    incidents,
    judging,
    outcome,
    ownership,
    services,
    term,
)
from vipa.core import actions as act
from vipa.core import memory as bookkeeping
from vipa.core import publish as published
from vipa.core.acceptance import Answer
from vipa.core.cluster import Key
from vipa.core.inventory import Inventory
from vipa.core.ownership import Decision
from vipa.core.reasons import Acceptance
from vipa.core.record import Record
from vipa.core.resources import Vipa, VipaStatus
from vipa.core.scope import Scope, everything
from vipa.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ordered actions, and the snapshot as it would be after them (for explanations)."""

    actions: tuple[act.Action, ...]
    after: Snapshot


def decision(snapshot: Snapshot, vipa: Vipa) -> Decision:
    """The decision about an accepted VIPA as the snapshot stands."""
    record = current(snapshot.world, vipa)
    lost = term.lost_record(snapshot, vipa) if record is None else None
    return ownership.decide(snapshot, vipa, record, lost)


def current(world: Inventory, vipa: Vipa) -> Record | None:
    """The VIPA's record. One of another uid is never adopted."""
    record = world.records.get(vipa.key)
    return record if record is not None and record.vipa_uid == vipa.uid else None


def moves(snapshot: Snapshot, vipas: Iterable[Key]) -> Iterator[act.Action]:
    """The records that have to be written for these VIPAs."""
    world = snapshot.world
    for key in sorted(vipas):
        vipa, record = world.vipas.get(key), world.records.get(key)
        if vipa is None:
            if record is not None:
                yield _delete(record, "the VIPA is gone")
            continue
        answer = acceptance.answer(snapshot, vipa)
        if answer.reason is Acceptance.INVALID:
            continue  # I9: an object that cannot be read loses nothing that it has
        if record is not None and record.vipa_uid != vipa.uid:
            yield _delete(record, "record of a former VIPA")
        elif not answer.accepted:
            if record is not None:
                yield _delete(record, str(answer.reason))
        elif services.record_name(key) not in world.slices:
            yield from _record(snapshot, vipa, record)


def _record(snapshot: Snapshot, vipa: Vipa, record: Record | None) -> Iterator[act.Action]:
    lost = term.lost_record(snapshot, vipa) if record is None else None
    decided = ownership.decide(snapshot, vipa, record, lost)
    wanted = term.wanted(snapshot, vipa, record, lost, decided)
    if record is None or not wanted.says_as(record):
        cause = str(decided.cause) if decided.cause else _upkeep(record, wanted)
        yield act.WriteRecord(key=vipa.key, record=wanted, reason=cause, creates=record is None)


def _upkeep(record: Record | None, wanted: Record) -> str:
    """Why a record is written that changes nothing for anybody."""
    if record is None:
        return "Created"
    return act.TERM if wanted.says_as(replace(record, term=wanted.term)) else "Repaired"


def _delete(record: Record, reason: str) -> act.DeleteRecord:
    return act.DeleteRecord(key=record.vipa, uid=record.uid, version=record.version, reason=reason)


def publish_members(snapshot: Snapshot, scope: Scope) -> Iterator[act.Action]:
    """Stack objects: one for each name that a pod shows, none that nothing needs."""
    world = snapshot.world
    for key in sorted(scope.stacks):
        stack = world.stacks.get(key)
        if stack is None:
            judged = ownership.judgement(snapshot, key)
            if judged.serving is not None:
                yield act.CreateStack(
                    key=key, sysplex=judged.sysplex, reason="a pod shows the name"
                )
        elif stack.default and not stack.status.expelled_since and not _needed(world, key):
            yield act.DeleteStack(key=key, uid=stack.uid, reason="nothing names it any more")


def publish_groups(snapshot: Snapshot, scope: Scope) -> Iterator[act.Action]:
    """Sysplex status, which holds the join numbers: written before any Stack shows one."""
    world = snapshot.world
    for key in sorted(scope.sysplexes & world.sysplexes.keys()):
        yield from incidents.held(snapshot, world.sysplexes[key])
        status = groupstatus.sysplex(snapshot, world.sysplexes[key])
        if status != world.sysplexes[key].status:
            uid = world.sysplexes[key].uid
            yield act.WriteSysplexStatus(key=key, uid=uid, status=status, reason="counts")


def _needed(world: Inventory, stack: Key) -> bool:
    return (
        stack in world.pods_by_stack
        or stack in world.vipas_by_stack
        or stack in world.backups_by_stack
        or stack in world.records_by_stack
    )


def publish(snapshot: Snapshot, scope: Scope) -> Iterator[act.Action]:
    """Services, annotations, statuses and events that do not say what is."""
    world = snapshot.world
    for key in sorted(scope.vipas):
        yield from _publish_vipa(snapshot, key)
    for key in sorted(scope.pods & world.pods.keys()):
        pod = world.pods[key]
        value = annotation.wanted(world, pod)
        if value != pod.published:
            yield act.AnnotatePod(key=key, uid=pod.uid, value=value, reason="addresses of the pod")
        yield from events.of_pod(snapshot, pod)
    for key in sorted(scope.stacks & world.stacks.keys()):
        yield from _publish_stack(snapshot, key)
    for key in sorted(scope.backups & world.backups.keys()):
        conditions = groupstatus.backup(snapshot, world.backups[key])
        if conditions != world.backups[key].conditions:
            uid = world.backups[key].uid
            yield act.WriteBackupStatus(
                key=key, uid=uid, conditions=conditions, reason="conditions"
            )


def _publish_vipa(snapshot: Snapshot, key: Key) -> Iterator[act.Action]:
    world = snapshot.world
    vipa = world.vipas.get(key)
    if vipa is None:
        yield from services.plan(snapshot, key, None)
        return
    answer = acceptance.answer(snapshot, vipa)
    if answer.reason is not Acceptance.INVALID:
        yield from services.plan(snapshot, key, vipa if answer.accepted else None)
    record = current(world, vipa)
    if answer.accepted and record is not None:
        yield from events.unsaid(snapshot, vipa, record)
    status = vipa_status(snapshot, vipa, answer)
    if status != vipa.status:
        yield act.WriteVipaStatus(key=key, uid=vipa.uid, status=status, reason="status")


def vipa_status(snapshot: Snapshot, vipa: Vipa, answer: Answer) -> VipaStatus:
    if not answer.accepted:
        return published.refused(snapshot, vipa, answer)
    decided = decision(snapshot, vipa)
    return published.accepted(snapshot, vipa, current(snapshot.world, vipa), decided, answer)


def _publish_stack(snapshot: Snapshot, key: Key) -> Iterator[act.Action]:
    stack = snapshot.world.stacks[key]
    judged = ownership.judgement(snapshot, key)
    plex = snapshot.world.sysplexes.get(Key(key.namespace, judged.sysplex))
    if plex is not None and judged.join_number > plex.status.joins:
        return  # a number is shown only after the Sysplex has it: it is never given twice (I4)
    status = groupstatus.stack(snapshot, stack, judged)
    if status != stack.status:
        yield act.WriteStackStatus(key=key, uid=stack.uid, status=status, reason=judged.reason)
    yield from incidents.quarantined(snapshot, stack, judged)


def remember(snapshot: Snapshot, stacks: Iterable[Key]) -> Snapshot:
    """The snapshot with the verdicts of this round in its memory."""
    memory = bookkeeping.copied(snapshot.memory)
    memory.verdicts = {}
    judging.remember(memory, judging.judge(snapshot, stacks))
    return replace(snapshot, memory=memory)


def due(snapshot: Snapshot) -> float | None:
    """Seconds until a verdict may change although nothing happens; None for never."""
    dues = [found.due for found in snapshot.memory.verdicts.values() if found.due is not None]
    return max(min(dues) - snapshot.clock, 0.0) if dues else None


PUBLISHING = (publish_members, publish_groups, publish)
ROUNDS = 8


def until_calm(step: Callable[[], bool]) -> None:
    """Repeat a step until it does nothing. Bounded: that two rounds are enough, I6 proves."""
    collections.deque(itertools.takewhile(bool, (step() for _ in range(ROUNDS))), maxlen=0)


def make(snapshot: Snapshot) -> Plan:
    """The whole plan for a snapshot. The snapshot's own world is left as it is."""
    world = snapshot.world.copy()
    after = remember(replace(snapshot, world=world), everything(world).stacks)
    done: list[act.Action] = []

    def take(found: Iterable[act.Action]) -> bool:
        batch = list(found)
        for action in batch:
            if isinstance(action, act.DeleteRecord):
                # What a deleted record leaves: no fence of this name may be as low again.
                bookkeeping.gone(after.memory, world.records[action.key])
            elif isinstance(action, act.Emit):
                after.memory.emitted = after.memory.emitted | {action.name}
            outcome.apply(world, action)
        done.extend(batch)
        return bool(batch)

    def move() -> bool:
        return take(moves(after, everything(world).vipas))

    def tell() -> bool:
        scope = everything(world)
        return sum(take(part(after, scope)) for part in PUBLISHING) > 0

    # A record that is deleted makes room for another, a Stack that is made for its status.
    until_calm(move)
    until_calm(tell)
    return Plan(actions=tuple(done), after=after)
