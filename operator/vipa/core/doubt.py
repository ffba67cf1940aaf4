"""Whether too many stacks fall silent at once to believe the probes (I10).

Many that fall silent at once are more often one broken path of the observer than many dead
processes. So a second witness is asked: the heartbeats of their nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from vipa.core import forms, health, holding, probing
from vipa.core.cluster import Key, Pod
from vipa.core.probing import Lapse
from vipa.core.resources import Monitor, Sysplex
from vipa.core.snapshot import Snapshot

STALE_S = 15.0
STACKS_LEAST = 3
NODES_LEAST = 2


class Silent(NamedTuple):
    """A stack of which no pod answers: when the last of their rows of unanswered probes began.

    `found`: silent for as long as the threshold asks; else it is on the way there. `heard`: it has
    answered this observer before, which else does not know when the silence began.
    """

    stack: Key
    missed: float
    found: bool
    heard: bool
    pods: tuple[Pod, ...]

    @property
    def nodes(self) -> set[str]:
        return {pod.node for pod in self.pods}


def silent(snapshot: Snapshot, key: Key, asking: Monitor) -> Silent | None:
    """The stack if no pod of it that is well by the facts has answered its last probe.

    Whoever answered once in between is found silent only by another full row: it lived, and a
    single probe may be lost.
    """
    world = snapshot.world
    well = [p for p in world.members(key) if health.facts(p, world.nodes).eligible]
    tallies = [snapshot.memory.tallies.get(pod.uid) for pod in well]
    missed = [t.missed for t in tallies if t is not None and t.missed is not None]
    if not well or len(missed) < len(well):
        return None
    full = asking.failure_threshold
    found = all(t is not None and t.silent and t.misses >= full for t in tallies)
    heard = any(t is not None and t.answered is not None for t in tallies)
    return Silent(key, max(missed), found, heard, tuple(well))


class Doubt(NamedTuple):
    """The suspects that are held because too many fell silent at once, and until when at most.

    `said`: it has come so far that people are told. `due`: on the monotonic clock.
    """

    stacks: frozenset[Key] = frozenset()
    said: bool = False
    due: float = math.inf


def mass(snapshot: Snapshot, plex: Sysplex, group: list[Key], suspects: list[Silent]) -> Doubt:
    """Probes do not fail in one moment but one after the other, within an interval: so whoever has
    just begun to miss them counts with those that are found silent.

    An observer that has just begun and finds a mass failure told doubts every suspect until it has
    asked all: whom it happens to hear first is no sign that the others live (I4).
    """
    asking = plex.monitor
    assert asking is not None
    found = [one for key in group if (one := silent(snapshot, key, asking)) is not None]
    # A dead node explains the silence of its stacks: they are no sign that the observer is deaf.
    doubtful = {one: end for one in found if (end := _stale_at(snapshot, one)) > snapshot.clock}
    back = [again for key in group if (again := _again(snapshot, key)) is not None]
    told = holding.shown(plex)
    before = told is not None and told.reason == holding.MASS_FAILURE
    unsure = before and not holding.sure(snapshot, plex)
    if len(doubtful) + len(back) < STACKS_LEAST and not unsure:
        return Doubt()
    answering = _answering(snapshot, group)
    began = forms.seconds(holding.since(snapshot, plex)) or 0
    limit = began + asking.hold_limit - (forms.seconds(snapshot.now) or 0)
    known = plex.key in snapshot.memory.holding or told is not None
    held, said, dues = set(), False, [snapshot.clock + limit]
    for one in [s for s in suspects if s in doubtful]:
        near = [r for r in doubtful if _near(asking, r, one, told_before=before)]
        with_it = [r for r in back if _was_silent_with(snapshot, asking, r, one)]
        nodes = set().union(*(r.nodes for r in near), *(r.nodes for r in with_it))
        count = len(near) + len(with_it)
        many = count * 100 > asking.hold_percent * (answering + len(near))
        at_once = count >= STACKS_LEAST and len(nodes) >= NODES_LEAST and many
        if (at_once or unsure) and limit > 0:
            held.add(one.stack)
            dues.append(doubtful[one])
            # What people were told is so until nobody is held any more.
            said = said or sum(r.found for r in near) >= STACKS_LEAST or (known and bool(with_it))
            if unsure or with_it or not all(r.found for r in near):
                dues.append(snapshot.clock + asking.interval)
    return Doubt(frozenset(held), said, min(dues)) if held else Doubt()


def _near(asking: Monitor, other: Silent, one: Silent, *, told_before: bool) -> bool:
    """Whether two fell silent at once. Of those that were silent when this observer began nothing
    else is known than that a mass failure had been told."""
    if told_before and not one.heard and not other.heard:
        return True
    return abs(other.missed - one.missed) <= asking.window


class Again(NamedTuple):
    """A stack that answers again after the row of unanswered probes that its pod tells of."""

    lapse: Lapse
    nodes: frozenset[str]


def _again(snapshot: Snapshot, key: Key) -> Again | None:
    world, tallies = snapshot.world, snapshot.memory.tallies
    well = [p for p in world.members(key) if health.facts(p, world.nodes).eligible]
    known = [t for pod in well if (t := tallies.get(pod.uid)) is not None and t.missed is None]
    lapses = [tally.lapse for tally in known if tally.lapse is not None]
    if not lapses:
        return None
    return Again(max(lapses, key=lambda one: one.over), frozenset(pod.node for pod in well))


def _was_silent_with(snapshot: Snapshot, asking: Monitor, other: Again, one: Silent) -> bool:
    """Whether one that answers again was silent together with a suspect, and so lately that the
    suspect may just not have been asked since: what kept both from being heard may be over."""
    lapse = other.lapse
    if abs(lapse.began - one.missed) > asking.window or lapse.over <= one.missed:
        return False
    return not row_since(snapshot, one.pods, lapse.over, asking)


def row_since(snapshot: Snapshot, pods: Iterable[Pod], moment: float, asking: Monitor) -> bool:
    """Whether each of these pods has missed a full row of probes that started later than this."""
    rows = (snapshot.memory.tallies[pod.uid] for pod in pods)
    return all(probing.missed_since(row, moment, asking) for row in rows)


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
