"""What if: a snapshot in which something failed, and what a plan then makes of it.

Each failure is the most common form of it: a node stops reporting and its pods go on saying Ready
(so that a last owner on it is kept, as the operator would keep it), a stack's pods say Ready=False.
A kept owner does not serve: it counts as lost here, whatever the record says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from vipa.core import acceptance
from vipa.core import plan as planning
from vipa.core.cluster import Key, Node, Ready
from vipa.core.inventory import Inventory
from vipa.core.ownership import Decision
from vipa.core.reasons import Kept
from vipa.core.record import Move
from vipa.core.resources import Vipa
from vipa.core.snapshot import Snapshot

KINDS = ("node", "stack", "zone")
SHOWN = 12


class Failure(NamedTuple):
    """What fails. `namespace` of a stack; empty: in every namespace."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one VIPA. `reason` is empty where its holder stays, `why` names the cause.

    `lost`: nobody would serve it. `before_lost`: nobody does now, without any failure.
    """

    vipa: Key
    address: str
    source: str
    to: str
    epoch: int | None
    reason: str
    why: str
    successors: tuple[str, ...]
    lost: bool
    before_lost: bool

    @property
    def moves(self) -> bool:
        return bool(self.reason)


def parse(text: str) -> Failure | None:
    """`node/N`, `zone/Z`, `stack/S` or `stack/NAMESPACE/S`; None for anything else."""
    kind, _, rest = text.partition("/")
    namespace, slash, name = rest.rpartition("/")
    if kind not in KINDS or not name or (slash and (kind != "stack" or not namespace)):
        return None
    return Failure(kind, name, namespace) if "/" not in namespace else None


def unknown(world: Inventory, failure: Failure) -> str:
    """Why this cannot fail: there is no such thing. Empty if there is."""
    known = sorted(_known(world, failure))
    if failure.name in known:
        return ""
    place = f" in namespace {failure.namespace}" if failure.namespace else ""
    more = ", ..." if len(known) > SHOWN else ""
    there = f"there are {', '.join(known[:SHOWN])}{more}" if known else "there is none at all"
    return f"there is no {failure.kind} {failure.name}{place}: {there}"


def _known(world: Inventory, failure: Failure) -> Iterable[str]:
    if failure.kind == "node":
        return world.nodes
    if failure.kind == "zone":
        return {node.zone for node in world.nodes.values()} - {""}
    keys = {*world.pods_by_stack, *world.stacks}
    return {key.name for key in keys if failure.namespace in ("", key.namespace)}


def fail(snapshot: Snapshot, failures: Iterable[Failure]) -> Snapshot:
    """The snapshot with these failures in it. The given one is left as it is."""
    world = snapshot.world.copy()
    for failure in failures:
        for node in [node for node in world.nodes.values() if _falls(failure, node)]:
            world.put(replace(node, ready=Ready.UNKNOWN))
        if failure.kind == "stack":
            for key in [key for key in world.pods_by_stack if _stack(failure, key)]:
                for pod in world.members(key):
                    world.put(replace(pod, ready=False))
    return replace(snapshot, world=world)


def _falls(failure: Failure, node: Node) -> bool:
    return (failure.kind == "node" and node.name == failure.name) or (
        failure.kind == "zone" and node.zone == failure.name
    )


def _stack(failure: Failure, key: Key) -> bool:
    return key.name == failure.name and failure.namespace in ("", key.namespace)


def fates(snapshot: Snapshot, failures: Iterable[Failure]) -> Iterator[Fate]:
    """What becomes of every accepted VIPA, in order of name.

    What is under way in the snapshot is finished first, so that only the failures are blamed.
    """
    before = planning.make(snapshot).after
    after = planning.make(fail(before, failures)).after
    for vipa in sorted(before.world.vipas.values(), key=lambda one: one.key):
        if acceptance.answer(before, vipa).accepted:
            yield _fate(before, after, vipa)


def _fate(before: Snapshot, after: Snapshot, vipa: Vipa) -> Fate:
    key = vipa.key
    old, new = before.world.records.get(key), after.world.records.get(key)
    decided = planning.decision(after, after.world.vipas[key])
    changed = (old.holder if old else None) != (new.holder if new else None)
    move = new.last_move if new and changed else None
    return Fate(
        vipa=key,
        address=vipa.spec.address,
        source=old.owner if old else "",
        to=new.owner if new else "",
        epoch=new.epoch if new else None,
        reason=move.reason if move else "",
        why=_why(decided, move),
        successors=tuple(r.stack for r in decided.successors),
        lost=_unserved(after, key),
        before_lost=_unserved(before, key),
    )


def _why(decided: Decision, move: Move | None) -> str:
    """What befell the owner of before, or why nobody serves."""
    found = {r.stack: r.verdict.message for r in decided.chain}
    if decided.kept:
        own = found.get(decided.stack, "neither primary nor a ranking names it")
        return f"{own}; nobody else can take it: {decided.stack} keeps it ({decided.kept})"
    if decided.stack:
        return found.get(move.source, "") if move else ""
    if not decided.chain:
        return "neither primary nor a ranking names a stack"
    return "no candidate is eligible: " + decided.chain[0].verdict.message


def _unserved(snapshot: Snapshot, key: Key) -> bool:
    decided = planning.decision(snapshot, snapshot.world.vipas[key])
    return not decided.stack or decided.kept is Kept.LAST_OWNER
