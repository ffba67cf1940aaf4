"""Events: one for each move, with a first token that automation can rely on.

An event has a name made of the VIPA and its fence, so that a crash between the record and the
event, and the repair of a status by a fresh operator, say a thing once and not twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from vipa.core import forms
from vipa.core.actions import Emit
from vipa.core.cluster import Key, Pod
from vipa.core.reasons import Cause
from vipa.core.record import Move, Record
from vipa.core.resources import Vipa
from vipa.core.snapshot import Snapshot

RECENT_S = 120
LOSSES = {
    Cause.OWNER_GONE,
    Cause.NODE_FAILED,
    Cause.OWNER_STOPPED,
    Cause.OWNER_FAILED,
    Cause.OWNER_LEFT,
    Cause.DEACTIVATED,
    Cause.GIVEN_UP,
}


def name_of(move: Move) -> str:
    """TakenOver for every move away from an owner that could not stay; releases by their cause."""
    if not move.to:
        named = {Cause.DEACTIVATED: "Deactivated", Cause.GIVEN_UP: "GivenUp"}
        return named.get(Cause(move.reason), "Inactive") if move.reason in LOSSES else "Inactive"
    if move.reason in LOSSES:
        return "TakenOver"
    named = {Cause.TAKEN_BACK: "TakenBack", Cause.ACTIVATED: "Activated"}
    return named.get(Cause(move.reason), "Moved") if move.reason in set(Cause) else "Moved"


def sentence(address: str, move: Move, event: str) -> str:
    """The first tokens follow the messages of z/OS; automation that knows those finds these."""
    match event:
        case "TakenOver":
            return f"EZZ8301I VIPA {address} TAKEN OVER FROM {move.source} ON {move.to}"
        case "TakenBack":
            return f"EZZ8302I VIPA {address} TAKEN FROM {move.source} ON {move.to}"
        case "Activated":
            return f"VIPA {address} ACTIVATED ON {move.to}"
        case "Moved":
            return f"VIPA {address} MOVED FROM {move.source} TO {move.to}"
        case _:
            return f"VIPA {address} RELEASED BY {move.source}, NO SUCCESSOR"


def of_move(
    vipa: Vipa, record: Record, giver: tuple[str, str] | None, seconds: float | None = None
) -> Iterator[Emit]:
    """The event of the record's last move, on the VIPA and on the pods concerned.

    `giver`: name and uid of the former owner's pod, where it is known.
    """
    move = record.last_move
    if move is None:
        return
    event = name_of(move)
    took = f", {seconds * 1000:.0f} ms" if seconds is not None else ""
    tail = f": {move.reason}, epoch {record.epoch}{took}"
    note = sentence(record.address, move, event) + tail
    mark = record.fence if move.to else f"{record.fence}.out"
    warning = not move.to
    ns = vipa.key.namespace

    def emit(key: Key, about: str, uid: str, text: str) -> Emit:
        return Emit(
            key=key,
            reason=move.reason,
            name=f"{vipa.key.name}.{mark}.{uid[-12:]}",
            about=about,
            uid=uid,
            event=event,
            note=text,
            warning=warning,
        )

    yield emit(vipa.key, "VIPA", vipa.uid, note)
    if record.pod and record.owner_uid:
        yield emit(Key(ns, record.pod), "Pod", record.owner_uid, note)
    if giver is not None and giver[1] and giver[1] != record.owner_uid:
        if event == "TakenBack":
            note = f"EZZ8303I VIPA {record.address} GIVEN TO {move.to}{tail}"
        yield emit(Key(ns, giver[0]), "Pod", giver[1], note)


def unsaid(snapshot: Snapshot, vipa: Vipa, record: Record) -> Iterator[Emit]:
    """The event of a move that VIPA.status does not know of yet."""
    if record.last_move is None or vipa.status.last_move == record.last_move:
        return
    owner = vipa.status.owner
    giver = (owner.pod, owner.pod_uid) if owner is not None else None
    for one in of_move(vipa, record, giver):
        if one.name not in snapshot.memory.emitted:
            yield one


def recent(snapshot: Snapshot) -> Iterator[Emit]:
    """The events of recent moves once more, for the start of a term.

    Status and events are written side by side: a status that tells of a move does not prove that
    its events arrived before a crash. What is there is refused by its name.
    """
    world, now = snapshot.world, forms.seconds(snapshot.now) or 0
    for key, record in world.records.items():
        vipa, move = world.vipas.get(key), record.last_move
        if vipa is None or move is None or vipa.status.last_move != move:
            continue  # what no status tells of is told by the plan
        moved = forms.seconds(move.time) or 0
        if now - moved > RECENT_S:
            continue
        members = world.members(Key(key.namespace, move.source))
        givers = [p for p in members if p.uid != record.owner_uid and p.created <= moved]
        giver = (givers[0].key.name, givers[0].uid) if len(givers) == 1 else None
        yield from of_move(vipa, record, giver)


def of_pod(snapshot: Snapshot, pod: Pod) -> Iterator[Emit]:
    """What is wrong with a pod's labels: it is no stack, and its owner should know why."""
    event, note = "InvalidStackName", pod.problem
    if not note:
        stack = snapshot.world.stacks.get(pod.stack_key)
        group = Key(pod.key.namespace, pod.sysplex)
        if group not in snapshot.world.sysplexes:
            yield from _warn(snapshot, pod, "NoSuchSysplex", f"there is no Sysplex {pod.sysplex}")
            return
        if stack is None or stack.sysplex == pod.sysplex:
            return
        event = "StackNameInUse"
        note = f"stack {pod.stack} belongs to Sysplex {stack.sysplex}; choose another name"
    yield from _warn(snapshot, pod, event, note)


def _warn(snapshot: Snapshot, pod: Pod, event: str, note: str) -> Iterator[Emit]:
    name = f"{pod.key.name}.{event.lower()}.{pod.uid[-12:]}"
    if name not in snapshot.memory.emitted:
        yield Emit(
            key=pod.key,
            reason=event,
            name=name,
            about="Pod",
            uid=pod.uid,
            event=event,
            note=note,
            warning=True,
        )


def conflict(vipa: Vipa, record: Record) -> Emit:
    """Somebody else wrote the record with a higher epoch."""
    note = f"VIPA {record.address}: the record was written by somebody else, epoch {record.epoch}"
    return Emit(
        key=vipa.key,
        reason="Conflict",
        name=f"{vipa.key.name}.{record.fence}.conflict",
        about="VIPA",
        uid=vipa.uid,
        event="Conflict",
        note=note,
        warning=True,
    )
