"""VIPA.status: what the record and the chain say, written out for readers.

Everything here follows from records as acknowledged, never from wishes, so a status may be late
but is never ahead of the truth (design, "Order of writes in a takeover").
"""

from __future__ import annotations

from collections.abc import Iterator

from vipa.core import conditions, services
from vipa.core.acceptance import Answer
from vipa.core.candidate import Ranked
from vipa.core.cluster import Key
from vipa.core.conditions import FALSE, TRUE, UNKNOWN
from vipa.core.ownership import Decision
from vipa.core.reasons import Candidate
from vipa.core.record import Record
from vipa.core.resources import (
    ChainEntry,
    Condition,
    OwnerRef,
    State,
    Vipa,
    VipaStack,
    VipaStatus,
)
from vipa.core.snapshot import Snapshot

SHOWN = 64


def origin(vipa: Vipa, stack: str) -> str:
    """zos: the Origin column of NETSTAT VIPADYN."""
    if vipa.spec.static:
        return "STATIC"
    return "VIPADEFINE" if stack == vipa.spec.primary else "VIPABACKUP"


def stack_status(vipa: Vipa, owner: str, ranked: Ranked) -> str:
    """zos: the Status column. A stack that is not Active has none, except the owner."""
    if ranked.stack == owner:
        return "ACTIVE"
    if not ranked.active:
        return ""
    return "DEACTIVATED" if ranked.verdict.reason is Candidate.DEACTIVATED else "BACKUP"


def stack_lines(vipa: Vipa, record: Record | None, decision: Decision) -> Iterator[VipaStack]:
    owner = record.owner if record else ""
    if owner and all(r.stack != owner for r in decision.chain):
        yield VipaStack(owner, "ACTIVE", origin(vipa, owner), 0)
    for ranked in decision.chain:
        status = stack_status(vipa, owner, ranked)
        if status:
            yield VipaStack(ranked.stack, status, origin(vipa, ranked.stack), ranked.entry.rank)


def refused(snapshot: Snapshot, vipa: Vipa, answer: Answer) -> VipaStatus:
    """The status of a VIPA that has no record: Pending or Rejected, and why.

    Epoch and fence stay: they are what a new record goes on from.
    """
    status = UNKNOWN if answer.pending else FALSE
    word = str(answer.reason)
    found = [
        Condition(type="Accepted", status=status, reason=word, message=answer.message),
        Condition(type="Active", status=FALSE, reason=word, message=answer.message),
        Condition(type="Protected", status=FALSE, reason=word, message=answer.message),
        conditions.not_supported(vipa.unsupported),
    ]
    now = snapshot.now
    return VipaStatus(
        address=vipa.spec.address,
        state=State.PENDING if answer.pending else State.REJECTED,
        epoch=vipa.status.epoch,
        fence=vipa.status.fence,
        last_move=vipa.status.last_move,
        seconds=vipa.status.seconds,
        conditions=conditions.merge(found, vipa.status.conditions, vipa.generation, now),
    )


def accepted(
    snapshot: Snapshot, vipa: Vipa, record: Record | None, decision: Decision, answer: Answer
) -> VipaStatus:
    """The status of an accepted VIPA. `record` None: it could not be written yet."""
    before = vipa.status
    owned = record is not None and bool(record.owner)
    move = record.last_move if record else before.last_move
    found = [
        Condition(type="Accepted", status=TRUE, reason="Accepted", message=answer.message),
        _active(record, decision),
        _protected(snapshot, record, decision),
        _move_refused(vipa, decision),
        _overlapping(vipa, decision),
        services.conflict(snapshot.world, vipa),
        conditions.unknown_stack(snapshot.world, vipa.key.namespace, _named(vipa)),
        conditions.not_supported(vipa.unsupported),
    ]
    return VipaStatus(
        address=vipa.spec.address,
        state=State.ACTIVE if owned else State.INACTIVE,
        owner=OwnerRef(record.owner, record.pod, record.owner_uid, record.ip, record.node)
        if record is not None and record.owner
        else None,
        epoch=max(record.epoch, before.epoch or 0) if record else before.epoch,
        fence=record.fence if record else before.fence,
        active_since=move.time if owned and move else "",
        origin=origin(vipa, record.owner) if record is not None and record.owner else "",
        domain=record.domain if record else before.domain,
        last_move=move,
        seconds=before.seconds if move == before.last_move else None,
        chain=tuple(
            ChainEntry(r.stack, r.entry.rank, r.eligible, str(r.verdict.reason))
            for r in decision.chain[:SHOWN]
        ),
        stacks=tuple(stack_lines(vipa, record, decision))[:SHOWN],
        conditions=conditions.merge(found, before.conditions, vipa.generation, snapshot.now),
    )


def _named(vipa: Vipa) -> list[str]:
    return [vipa.spec.primary, vipa.spec.move_to, *(rank.stack for rank in vipa.spec.backups)]


def _active(record: Record | None, decision: Decision) -> Condition:
    if record is not None and record.owner:
        text = f"{record.owner} owns the address (pod {record.pod} on node {record.node})"
        if decision.kept:
            text += "; it is no candidate any more, but nobody else can take the address"
        reason = str(decision.kept) if decision.kept else "Owned"
        return Condition(type="Active", status=TRUE, reason=reason, message=text)
    if not decision.chain:
        reason, text = "NoCandidate", "neither primary nor a ranking names a stack"
    else:
        first = decision.chain[0]
        text = f"first in the chain, {first.stack}: {first.verdict.message}"
        short = any(r.verdict.reason is Candidate.SHORT_FORM for r in decision.chain)
        reason = "NeverActive" if short else "NoneEligible"
    return Condition(type="Active", status=FALSE, reason=reason, message=text)


def _protected(snapshot: Snapshot, record: Record | None, decision: Decision) -> Condition:
    """Whether a backup stands ready, and whether it would die together with the owner."""
    successors = decision.successors
    if record is None or not record.owner or decision.kept or not successors:
        text = "no healthy backup is left"
        return Condition(type="Protected", status=FALSE, reason="NoBackup", message=text)
    first = successors[0]
    node = snapshot.world.nodes.get(first.pod.node) if first.pod else None
    zone = node.zone if node else ""
    reason, text = "BackupReady", f"{first.stack} would take over"
    if node is not None and node.name == record.node:
        reason, text = "SameNode", f"{first.stack} would take over, but is on the owner's node"
    elif zone and zone == record.zone:
        reason, text = "SameZone", f"{first.stack} would take over, but is in the owner's zone"
    return Condition(type="Protected", status=TRUE, reason=reason, message=text)


def _move_refused(vipa: Vipa, decision: Decision) -> Condition | None:
    pin = vipa.spec.move_to
    if not pin or any(r.stack == pin for r in decision.chain):
        return None
    text = f"move.to names {pin}, which neither primary nor a ranking names"
    return Condition(type="MoveRefused", status=TRUE, reason="NotRanked", message=text)


def _overlapping(vipa: Vipa, decision: Decision) -> Condition | None:
    """A stack of `backups` that is named once more; the rankings concerned say the same."""
    own = {rank.stack for rank in vipa.spec.backups}
    twice = sorted(r.stack for r in decision.chain if r.entry.overlaps and r.stack in own)
    if not twice:
        return None
    text = "ranked more than once, the highest rank counts: " + ", ".join(twice)
    return Condition(type="Overlapping", status=TRUE, reason="Overlapping", message=text)


def is_deactivated(snapshot: Snapshot, stack: Key, vipa: Vipa) -> bool:
    """zos: VARY DEACTIVATE. Refused for a Static VIPA."""
    found = snapshot.world.stacks.get(stack)
    return found is not None and not vipa.spec.static and vipa.key.name in found.deactivated
