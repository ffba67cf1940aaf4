"""Whether to believe the probes (I10: the blind do not act).

Many stacks that fall silent at once are more often one broken path of the observer than many dead
processes. So a second witness is asked, the heartbeats of their nodes; and a group is never left
without any Active stack by the word of the probes alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import NamedTuple

from vipa.core import forms, health, monitor
from vipa.core.cluster import Key, Pod
from vipa.core.inventory import NOTHING
from vipa.core.judgement import Judgement
from vipa.core.resources import Condition, OnUnresponsive, Sysplex
from vipa.core.snapshot import Holding, SilentOwners, Snapshot

STALE_S = 15.0
STACKS_LEAST = 3
NODES_LEAST = 2
NAMED = 8
MASS_FAILURE = "MassFailure"
NO_WITNESS = "NoWitness"

VerdictOf = Callable[[Key], Judgement]


class Silent(NamedTuple):
    """A stack of which no pod answers: when the last of their rows of unanswered probes began.

    `found`: silent for as long as the threshold asks; else it is on the way there.
    """

    stack: Key
    missed: float
    found: bool
    pods: tuple[Pod, ...]

    @property
    def nodes(self) -> set[str]:
        return {pod.node for pod in self.pods}


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What of a group is believed from now on, and what is held. `due`: when to look at `again`
    although nothing happens."""

    believed: frozenset[str] = frozenset()
    holding: Holding | None = None
    due: float | None = None
    again: frozenset[Key] = frozenset()
    owners: SilentOwners | None = None


def look(snapshot: Snapshot, plex: Sysplex, stacks: Iterable[Key], verdict: VerdictOf) -> Belief:
    """Decide about the suspects among these stacks. `verdict`: with every suspect as if it
    answered."""
    asking = plex.monitor
    if asking is None or asking.on_unresponsive is OnUnresponsive.REPORT:
        return Belief()
    keys = sorted(stacks)
    group = sorted({*keys, *snapshot.world.stacks_by_sysplex.get(plex.key, NOTHING)})
    suspects = [
        one for key in keys if (one := _silent(snapshot, key)) and _is_suspect(snapshot, one)
    ]
    replaced, undecided = _replaced(snapshot, keys)
    doubt = _mass(snapshot, plex, group, suspects) if suspects else Doubt()
    believed = [one for one in suspects if one.stack not in doubt.stacks]
    # Nobody goes by a word that only the accused could contradict.
    alone = {one.stack for one in believed if not _contradicted(snapshot, group, one, verdict)}
    believed = [one for one in believed if one.stack not in alone]
    owners = _silent_owners(snapshot, plex, [*keys, *(one.stack for one in believed)], believed)
    unseen, waiting = _unwitnessed(snapshot, group, owners, verdict)
    uids = {pod.uid for one in believed for pod in one.pods} | replaced
    said: Set[Key] = doubt.stacks if doubt.said else frozenset()
    soon = snapshot.clock + asking.interval
    return Belief(
        believed=frozenset(uids),
        holding=_holding(snapshot, plex, held=said, alone=alone | unseen, limit=asking.hold_limit),
        due=min(soon, doubt.due) if alone or undecided else doubt.due,
        again=frozenset(doubt.stacks | undecided | alone),
        owners=SilentOwners(frozenset(owners), waiting) if owners else None,
    )


def _replaced(snapshot: Snapshot, stacks: Iterable[Key]) -> tuple[set[str], set[Key]]:
    """Silent incarnations beside one that has answered since: no stack is lost with them.

    And the stacks with some beside one that has still to answer.
    """
    world = snapshot.world
    found: set[str] = set()
    undecided: set[Key] = set()
    for key in stacks:
        pods = world.members(key)
        well = [p for p in pods if health.facts(p, world.nodes).eligible]
        others = [p for p in well if monitor.silence(snapshot, p) is None]
        for pod in well:
            if others and monitor.is_suspect(snapshot, pod):
                missed = snapshot.memory.tallies[pod.uid].missed
                if any(has_answered_since(snapshot, other, missed) for other in others):
                    found.add(pod.uid)
                else:
                    undecided.add(key)
    return found, undecided


def _silent(snapshot: Snapshot, key: Key) -> Silent | None:
    """The stack if no pod of it that is well by the facts has answered its last probe."""
    world = snapshot.world
    well = [p for p in world.members(key) if health.facts(p, world.nodes).eligible]
    tallies = [snapshot.memory.tallies.get(pod.uid) for pod in well]
    missed = [t.missed for t in tallies if t is not None and t.missed is not None]
    if not well or len(missed) < len(well):
        return None
    found = all(t is not None and t.silent for t in tallies)
    return Silent(key, max(missed), found, tuple(well))


def _is_suspect(snapshot: Snapshot, one: Silent) -> bool:
    return one.found and any(monitor.is_suspect(snapshot, pod) for pod in one.pods)


class Doubt(NamedTuple):
    """The suspects that are held because too many fell silent at once, and until when at most.

    `said`: it has come so far that people are told. `due`: on the monotonic clock.
    """

    stacks: frozenset[Key] = frozenset()
    said: bool = False
    due: float = math.inf


def _mass(snapshot: Snapshot, plex: Sysplex, group: list[Key], suspects: list[Silent]) -> Doubt:
    """Probes do not fail in one moment but one after the other, within an interval: so whoever has
    just begun to miss them counts with those that are found silent."""
    asking = plex.monitor
    assert asking is not None
    silent = [one for key in group if (one := _silent(snapshot, key)) is not None]
    # A dead node explains the silence of its stacks: they are no sign that the observer is deaf.
    doubtful = {one: end for one in silent if (end := _stale_at(snapshot, one)) > snapshot.clock}
    if len(doubtful) < STACKS_LEAST:
        return Doubt()
    answering = _answering(snapshot, group)
    since = forms.seconds(_since(snapshot, plex)) or 0
    limit = since + asking.hold_limit - (forms.seconds(snapshot.now) or 0)
    held, said, dues = set(), False, [snapshot.clock + limit]
    for one in [s for s in suspects if s in doubtful]:
        near = [r for r in doubtful if abs(r.missed - one.missed) <= asking.window]
        nodes = set().union(*(r.nodes for r in near))
        many = len(near) * 100 > asking.hold_percent * (answering + len(near))
        if len(near) >= STACKS_LEAST and len(nodes) >= NODES_LEAST and many and limit > 0:
            held.add(one.stack)
            dues.append(doubtful[one])
            said = said or sum(r.found for r in near) >= STACKS_LEAST
            if not all(r.found for r in near):
                dues.append(snapshot.clock + asking.interval)
    return Doubt(frozenset(held), said, min(dues)) if held else Doubt()


def _stale_at(snapshot: Snapshot, silent: Silent) -> float:
    """When the heartbeats of its nodes are too old to speak for a stack.

    Of a node without any nothing is known: it speaks for its stacks until the limit.
    """
    renewed = (snapshot.memory.renewed.get(node, math.inf) for node in silent.nodes)
    return max(renewed) + STALE_S


def _answering(snapshot: Snapshot, group: list[Key]) -> int:
    """How many stacks of the group are well by the facts and have answered their last probe."""
    world, count = snapshot.world, 0
    for key in group:
        well = [p for p in world.members(key) if health.facts(p, world.nodes).eligible]
        tallies = [snapshot.memory.tallies.get(pod.uid) for pod in well]
        count += any(t is None or t.missed is None for t in tallies)
    return count


def _contradicted(snapshot: Snapshot, group: list[Key], one: Silent, verdict: VerdictOf) -> bool:
    """Whether another Active stack has answered since this one fell silent.

    So the last one never goes (zos: never the only member), nor do all of them at once.
    """
    first = first_missed(snapshot, one.stack)
    return any(
        found.active and found.serving and has_answered_since(snapshot, found.serving, first)
        for found in (verdict(key) for key in group if key != one.stack)
    )


def _unwitnessed(
    snapshot: Snapshot, group: list[Key], owners: set[Key], verdict: VerdictOf
) -> tuple[set[Key], bool]:
    """Silent owners since whose silence nobody has answered, and whether any Active stack has
    still to answer."""
    unseen, waiting = set(), False
    for key in owners:
        others = (verdict(other) for other in group if other != key)
        active = [found.serving for found in others if found.active and found.serving]
        first = first_missed(snapshot, key)
        seen = [has_answered_since(snapshot, pod, first) for pod in active]
        waiting = waiting or not all(seen)
        if active and not any(seen):
            unseen.add(key)
    return unseen, waiting


def _silent_owners(
    snapshot: Snapshot, plex: Sysplex, stacks: Iterable[Key], going: list[Silent]
) -> set[Key]:
    """Stacks that own an address although nobody takes them for responsive: those known before,
    and new ones among `stacks`."""
    world, known = snapshot.world, snapshot.memory.silent.get(plex.key)
    candidates = {*stacks, *(known.stacks if known is not None else ())}
    found = {one.stack for one in going}
    for key in candidates - found:
        pods = world.members(key)
        if any(monitor.silence(snapshot, p) and not monitor.is_suspect(snapshot, p) for p in pods):
            found.add(key)
    return {key for key in found if key in world.records_by_stack}


def first_missed(snapshot: Snapshot, stack: Key) -> float | None:
    """When the first unanswered probe of the present silence of a stack started."""
    found = [snapshot.memory.tallies.get(pod.uid) for pod in snapshot.world.members(stack)]
    missed = [t.missed for t in found if t is not None and t.missed is not None]
    return min(missed, default=None)


def has_answered_since(snapshot: Snapshot, pod: Pod, moment: float | None) -> bool:
    """Whether a pod has answered a probe that started later than this."""
    found = snapshot.memory.tallies.get(pod.uid)
    if found is None or found.answered is None or moment is None:
        return False
    return found.answered > moment


def _shown(plex: Sysplex) -> Condition | None:
    held = [c for c in plex.status.conditions if c.type == "Holding" and c.status == "True"]
    return held[0] if held else None


def _since(snapshot: Snapshot, plex: Sysplex) -> str:
    """Since when the group holds verdicts: by memory, else by its condition, else now."""
    known, shown = snapshot.memory.holding.get(plex.key), _shown(plex)
    return (known.since if known else shown.since if shown else "") or snapshot.now


def _holding(
    snapshot: Snapshot, plex: Sysplex, *, held: Set[Key], alone: Set[Key], limit: float
) -> Holding | None:
    stacks = frozenset(held | alone)
    since = _since(snapshot, plex)
    if held:
        text = (
            f"{_names(held)} fell silent at once while their nodes report; not believed for "
            f"{limit:g} s"
        )
        return Holding(MASS_FAILURE, text, since, stacks)
    if alone:
        text = f"{_names(alone)}: silent, but no other stack has answered since"
        return Holding(NO_WITNESS, text, since, stacks)
    known, shown = snapshot.memory.holding.get(plex.key), _shown(plex)
    if shown is not None and not _sure(snapshot, plex):
        return known or Holding(shown.reason, shown.message, since)
    return None


def _sure(snapshot: Snapshot, plex: Sysplex) -> bool:
    """Whether this observer knows by itself of every pod of the group. One that has just begun
    does not end what another one held (I4)."""
    world = snapshot.world
    for key in world.stacks_by_sysplex.get(plex.key, NOTHING):
        for pod in world.members(key):
            found = snapshot.memory.tallies.get(pod.uid)
            if health.facts(pod, world.nodes).eligible and not (found and found.confirmed):
                return False
    return True


def _names(stacks: Set[Key]) -> str:
    names = sorted(key.name for key in stacks)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
