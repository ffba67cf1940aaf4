"""What of a group is held in doubt, as its condition Holding tells people.

The condition outlasts the operator (I4): a fresh one goes on from it.
"""

from __future__ import annotations

from collections.abc import Set

from vipa.core import health
from vipa.core.cluster import Key
from vipa.core.inventory import NOTHING
from vipa.core.resources import Condition, Sysplex
from vipa.core.snapshot import Holding, Snapshot

NAMED = 8
MASS_FAILURE = "MassFailure"
NO_WITNESS = "NoWitness"


def to_tell(
    snapshot: Snapshot, plex: Sysplex, *, held: Set[Key], alone: Set[Key], limit: float
) -> Holding | None:
    """What people are told, of stacks that fell silent at once or that nobody contradicts."""
    stacks = frozenset(held | alone)
    began = since(snapshot, plex)
    if held:
        text = (
            f"{_names(held)} fell silent at once while their nodes report; not believed for "
            f"{limit:g} s"
        )
        return Holding(MASS_FAILURE, text, began, stacks)
    if alone:
        text = f"{_names(alone)}: silent, but no other stack has answered since"
        return Holding(NO_WITNESS, text, began, stacks)
    known, told = snapshot.memory.holding.get(plex.key), shown(plex)
    if told is not None and not sure(snapshot, plex):
        return known or Holding(told.reason, told.message, began)
    return None


def sure(snapshot: Snapshot, plex: Sysplex) -> bool:
    """Whether this observer knows by itself of every pod of the group. One that has just begun
    does not end what another one held (I4)."""
    world = snapshot.world
    for key in world.stacks_by_sysplex.get(plex.key, NOTHING):
        for pod in world.members(key):
            found = snapshot.memory.tallies.get(pod.uid)
            if health.facts(pod, world.nodes).eligible and not (found and found.confirmed):
                return False
    return True


def shown(plex: Sysplex) -> Condition | None:
    """The condition, if something is held."""
    held = [c for c in plex.status.conditions if c.type == "Holding" and c.status == "True"]
    return held[0] if held else None


def since(snapshot: Snapshot, plex: Sysplex) -> str:
    """Since when the group holds verdicts: by memory, else by its condition, else now."""
    known, told = snapshot.memory.holding.get(plex.key), shown(plex)
    return (known.since if known else told.since if told else "") or snapshot.now


def _names(stacks: Set[Key]) -> str:
    names = sorted(key.name for key in stacks)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
