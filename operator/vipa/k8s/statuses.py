"""Statuses as JSON, there and back: what is empty is left out, and left out reads as empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vipa.core.record import Move
from vipa.core.resources import (
    ChainEntry,
    Condition,
    Damped,
    OwnerRef,
    Phase,
    StackStatus,
    StackVipa,
    SysplexStatus,
    VipaStack,
    VipaStatus,
)
from vipa.k8s import raw

Body = dict[str, object]
Given = Mapping[str, object]

OWNER = {"stack": "stack", "pod": "pod", "pod_uid": "podUID", "pod_ip": "podIP", "node": "node"}
STACK = {
    "reason": "reason",
    "message": "message",
    "since": "since",
    "pod": "pod",
    "pod_uid": "podUID",
    "pod_ip": "podIP",
    "node": "node",
    "zone": "zone",
}
VIPA = {
    "address": "address",
    "state": "state",
    "fence": "fence",
    "active_since": "activeSince",
    "origin": "origin",
    "domain": "domain",
}


def _filled(found: Body) -> Body:
    """Without what is empty. Numbers and booleans are never empty."""
    return {k: v for k, v in found.items() if v not in (None, "", [])}


def _named(value: object, table: Mapping[str, str]) -> Body:
    return {theirs: getattr(value, ours) for ours, theirs in table.items()}


def _lines(rows: Sequence[object]) -> list[Body]:
    """Rows whose fields are called in the API as they are here."""
    return [_filled(row._asdict()) for row in rows]  # type: ignore[attr-defined]


def conditions(found: Sequence[Condition]) -> list[Body]:
    return [
        _filled(
            {
                "type": one.type,
                "status": one.status,
                "reason": one.reason,
                "lastTransitionTime": one.since,
                "observedGeneration": one.generation,
            }
        )
        | {"message": one.message}
        for one in found
    ]


def read_conditions(status: Given) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            type=raw.text(one, "type"),
            status=raw.text(one, "status"),
            reason=raw.text(one, "reason"),
            message=raw.text(one, "message"),
            generation=raw.number(one, "observedGeneration"),
            since=raw.text(one, "lastTransitionTime"),
        )
        for one in raw.objects(status, "conditions")
    )


def sysplex(status: SysplexStatus) -> Body:
    counts = {name: getattr(status, name) for name in ("stacks", "active", "vipas", "joins")}
    return _filled({**counts, "conditions": conditions(status.conditions)})


def read_sysplex(given: Given) -> SysplexStatus:
    return SysplexStatus(
        stacks=raw.number(given, "stacks"),
        active=raw.number(given, "active"),
        vipas=raw.number(given, "vipas"),
        joins=raw.number(given, "joins"),
        conditions=read_conditions(given),
    )


def stack(status: StackStatus) -> Body:
    return _filled(
        {
            "phase": str(status.phase) if status.phase is not None else "",
            **_named(status, STACK),
            "joinNumber": status.join_number,
            "damping": _damping(status.damping),
            "expelledSince": status.expelled_since,
            "vipas": _lines(status.vipas),
            "vipasTotal": status.vipas_total,
            "conditions": conditions(status.conditions),
        }
    )


def read_stack(given: Given) -> StackStatus:
    phase = raw.text(given, "phase")
    texts: dict[str, Any] = {ours: raw.text(given, theirs) for ours, theirs in STACK.items()}
    return StackStatus(
        phase=Phase(phase) if phase in set(Phase) else None,
        **texts,
        join_number=raw.number(given, "joinNumber"),
        damping=_read_damping(raw.mapping(given, "damping")),
        expelled_since=raw.text(given, "expelledSince"),
        vipas=tuple(
            StackVipa(*(raw.text(one, name) for name in StackVipa._fields))
            for one in raw.objects(given, "vipas")
        ),
        vipas_total=raw.number(given, "vipasTotal"),
        conditions=read_conditions(given),
    )


def _damping(damped: Damped) -> Body | None:
    found = _filled({"failures": list(damped.failures), "until": damped.until})
    return found | {"quarantines": damped.quarantines} if found or damped.quarantines else None


def _read_damping(given: Given) -> Damped:
    return Damped(
        failures=tuple(one for one in raw.items(given, "failures") if isinstance(one, str)),
        quarantines=raw.number(given, "quarantines"),
        until=raw.text(given, "until"),
    )


def vipa(status: VipaStatus) -> Body:
    move: Body = {}
    if status.last_move is not None:
        source, to, reason, time = status.last_move
        move = {"from": source, "to": to, "reason": reason, "time": time}
        move["seconds"] = status.seconds
    return _filled(
        {
            **_named(status, VIPA),
            "owner": _filled(_named(status.owner, OWNER)) if status.owner is not None else None,
            "epoch": status.epoch,
            "lastMove": _filled(move) if status.last_move is not None else None,
            "chain": _lines(status.chain),
            "stacks": _lines(status.stacks),
            "conditions": conditions(status.conditions),
        }
    )


def read_vipa(given: Given) -> VipaStatus:
    owner, epoch = given.get("owner"), given.get("epoch")
    counted = isinstance(epoch, int) and not isinstance(epoch, bool)
    move, seconds = _read_move(given.get("lastMove"))
    return VipaStatus(
        **{ours: raw.text(given, theirs) for ours, theirs in VIPA.items()},
        owner=OwnerRef(**{ours: raw.text(owner, theirs) for ours, theirs in OWNER.items()})
        if isinstance(owner, dict)
        else None,
        epoch=raw.number(given, "epoch") if counted else None,
        last_move=move,
        seconds=seconds,
        chain=tuple(
            ChainEntry(
                raw.text(one, "stack"),
                raw.number(one, "rank"),
                one.get("eligible") is True,
                raw.text(one, "reason"),
            )
            for one in raw.objects(given, "chain")
        ),
        stacks=tuple(
            VipaStack(
                raw.text(one, "stack"),
                raw.text(one, "status"),
                raw.text(one, "origin"),
                raw.number(one, "rank"),
                raw.text(one, "distribution"),
            )
            for one in raw.objects(given, "stacks")
        ),
        conditions=read_conditions(given),
    )


def _read_move(given: object) -> tuple[Move | None, float | None]:
    if not isinstance(given, dict):
        return None, None
    move = Move(*(raw.text(given, name) for name in ("from", "to", "reason", "time")))
    seconds = given.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return move, None
    return move, float(seconds) if abs(seconds) <= raw.LARGEST else None
