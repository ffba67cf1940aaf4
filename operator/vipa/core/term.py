"""The record that a decision leads to: epoch, fence, and what travels with the holder (I1, I2)."""

from __future__ import annotations

from vipa.core import candidate, services
from vipa.core.annotation import entries_of
from vipa.core.inventory import Inventory
from vipa.core.ownership import Decision
from vipa.core.record import Holder, Move, Record, RecordPort, Remembered, parse_fence
from vipa.core.resources import Vipa
from vipa.core.snapshot import Snapshot


def lost_record(snapshot: Snapshot, vipa: Vipa) -> Remembered | None:
    """What is still known of a record that somebody deleted, or None for a VIPA that never had one.

    The highest epoch counts of VIPA.status, memory and pod annotations. Annotations carry no uid,
    so they are asked only where one of the others says that there was a record of this VIPA.
    """
    status, memory = vipa.status, snapshot.memory.records.get(vipa.uid)
    known = [memory] if memory is not None else []
    if status.epoch is not None:
        prefix = (parse_fence(status.fence) or (vipa.created, 0))[0]
        owner = (status.owner.stack, status.owner.pod_uid) if status.owner else ("", "")
        known.append(Remembered(status.epoch, prefix, *owner, status.domain))
    if not known:
        return None
    best = max(known, key=lambda one: one.epoch)
    return best._replace(epoch=max(best.epoch, annotated_epoch(snapshot.world, vipa)))


def annotated_epoch(world: Inventory, vipa: Vipa) -> int:
    """The highest epoch that an annotation of a pod shows for this VIPA."""
    shown = [0]
    for pod in world.pods.values():
        if pod.key.namespace == vipa.key.namespace and pod.published and pod.stack:
            shown += [e.epoch for e in entries_of(pod.published) if e.vipa == vipa.key.name]
    return max(shown)


def prefix_of(
    snapshot: Snapshot, vipa: Vipa, record: Record | None, lost: Remembered | None
) -> int:
    """The number in front of the epoch: fixed when the record is created, above any former one."""
    if record is not None:
        known = snapshot.memory.records.get(vipa.uid)
        return max(record.prefix, known.prefix if known else 0) or vipa.created
    if lost is not None:
        return lost.prefix
    former = snapshot.memory.prefixes.get(vipa.key, -1)
    return max(vipa.created, former + 1)


def ports_of(vipa: Vipa, decision: Decision) -> tuple[RecordPort, ...]:
    """The owner's ports by number; a name that a kept owner lacks is left out."""
    named = dict(decision.pod.ports) if decision.pod is not None else {}
    found = []
    for port in vipa.spec.ports:
        target = named.get(port.target, 0) if isinstance(port.target, str) else port.target
        if target:
            found.append(RecordPort(port.name, port.protocol, target))
    return tuple(found)


def wanted(
    snapshot: Snapshot,
    vipa: Vipa,
    record: Record | None,
    lost: Remembered | None,
    decision: Decision,
) -> Record:
    """The record as it shall be. Equal to the present one (`says_as`) where nothing is to write."""
    pod = decision.pod
    holder = Holder(decision.stack, pod.uid, candidate.address_of(vipa, pod)) if pod else None
    before = record.holder if record else None
    epoch = record.epoch if record else lost.epoch if lost else 0
    if holder is not None and holder != before:
        known = snapshot.memory.records.get(vipa.uid)
        # The status is above the record only by hand, and the API server lets it not go down again.
        epoch = max(epoch, known.epoch if known else 0, vipa.status.epoch or 0) + 1
    move = record.last_move if record else vipa.status.last_move
    if holder != before:
        source = before.stack if before else ""
        move = Move(source, decision.stack, str(decision.cause), snapshot.now)
    node = snapshot.world.nodes.get(pod.node) if pod else None
    return Record(
        vipa=vipa.key,
        vipa_uid=vipa.uid,
        owner=holder.stack if holder else "",
        owner_uid=holder.uid if holder else "",
        ip=holder.ip if holder else "",
        pod=pod.key.name if pod else "",
        node=pod.node if pod else "",
        zone=node.zone if node else "",
        epoch=epoch,
        prefix=prefix_of(snapshot, vipa, record, lost),
        # Not the higher of the two: under a term that is over the API server refuses the write.
        term=snapshot.settings.term or (record.term if record else 0),
        address=vipa.spec.address,
        domain=decision.domain,
        service=services.label(snapshot.world, vipa),
        ports=ports_of(vipa, decision),
        last_move=move,
        version=record.version if record else "",
        uid=record.uid if record else "",
    )
