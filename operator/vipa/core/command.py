"""Operator commands as questions: may this be done now, and if not, why.

The command line and rehearsals ask the same functions, so that a file can hold a team to what its
operators will be told.
"""

from __future__ import annotations

from dataclasses import replace

from vipa.core import ownership, term
from vipa.core import plan as planning
from vipa.core.acceptance import answer
from vipa.core.chain import entries
from vipa.core.cluster import Key
from vipa.core.resources import Vipa
from vipa.core.snapshot import Snapshot


def no_move(snapshot: Snapshot, key: Key, to: str, *, once: bool = False) -> str:
    """Why `vipa move` is refused; empty if it may be done.

    A stack of the chain that is not eligible now is no reason, because the pin then acts later;
    but with `once` nothing would remain of the pin.
    """
    vipa = snapshot.world.vipas.get(key)
    if vipa is None:
        return _missing(key)
    if vipa.spec.static:
        return f"VIPA {key} is Static: it moves by an edit of spec.primary alone"
    named = entries(snapshot.world, vipa)
    if to not in named:
        chain = ", ".join(sorted(named)) or "nobody"
        return (
            f"stack {to} is not in the chain of VIPA {key}, which is {chain}: "
            "name it in spec.primary, spec.backups or a VIPABackup first"
        )
    return _moves_back(snapshot, vipa, to) if once else ""


def no_unpin(snapshot: Snapshot, key: Key) -> str:
    """Why `vipa unpin` is refused; a VIPA without a pin is left as it is."""
    return "" if key in snapshot.world.vipas else _missing(key)


def no_member(snapshot: Snapshot, key: Key) -> str:
    """Why `vipa join` and `vipa leave` are refused; empty if they may be done."""
    if key in snapshot.world.stacks:
        return ""
    return f"there is no Stack {key.name} in namespace {key.namespace}"


def _missing(key: Key) -> str:
    return f"there is no VIPA {key.name} in namespace {key.namespace}"


def _moves_back(snapshot: Snapshot, vipa: Vipa, to: str) -> str:
    """Look past the pin and past its removal: does the VIPA stay where it was moved to?"""
    accepted = answer(snapshot, vipa)
    if not accepted.accepted:
        return f"VIPA {vipa.key} is not accepted ({accepted.reason}): {accepted.message}"
    record = planning.current(snapshot.world, vipa)
    lost = term.lost_record(snapshot, vipa) if record is None else None
    pinned = replace(vipa, spec=replace(vipa.spec, move_to=to))
    there = ownership.decide(snapshot, pinned, record, lost)
    if there.stack != to or there.kept:
        found = next((r.verdict for r in there.chain if r.stack == to), None)
        why = f"{found.reason}: {found.message}" if found is not None else "no candidate"
        return f"stack {to} cannot take VIPA {vipa.key} now ({why}); without --once the pin waits"
    moved = term.wanted(snapshot, pinned, record, lost, there)
    unpinned = replace(vipa, spec=replace(vipa.spec, move_to=""))
    back = ownership.decide(snapshot, unpinned, moved, None)
    if back.stack == to:
        return ""
    return (
        f"VIPA {vipa.key} would move back to {back.stack} at once ({back.cause}): "
        "leave out --once, so that the pin stays"
    )
