"""Whether to believe the probes (I10: the blind do not act).

Not while too many fall silent at once, see `doubt`; and nobody goes by a word that only the accused
could contradict, so a group is never left without any Active stack by its probes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from vipa.core import doubt, health, holding, monitor
from vipa.core.cluster import Key, Pod
from vipa.core.doubt import Doubt, Silent
from vipa.core.inventory import NOTHING
from vipa.core.judgement import Judgement
from vipa.core.probing import Tally
from vipa.core.resources import Monitor, OnUnresponsive, Sysplex
from vipa.core.snapshot import Holding, SilentOwners, Snapshot

VerdictOf = Callable[[Key], Judgement]


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
    silent = [one for key in keys if (one := doubt.silent(snapshot, key, asking)) is not None]
    suspects = [one for one in silent if _is_suspect(snapshot, one)]
    owners = _silent_owners(snapshot, plex, keys)
    # The whole group is looked at only where one of it is silent: rounds are many, groups large.
    others = snapshot.world.stacks_by_sysplex.get(plex.key, NOTHING) if suspects or owners else ()
    group = sorted({*keys, *others})
    replaced, undecided = _replaced(snapshot, keys, asking)
    many = doubt.mass(snapshot, plex, group, suspects) if suspects else Doubt()
    believed = [one for one in suspects if one.stack not in many.stacks]
    # Nobody goes by a word that only the accused could contradict.
    alone = {
        one.stack for one in believed if not _contradicted(snapshot, asking, group, one, verdict)
    }
    believed = [one for one in believed if one.stack not in alone]
    owners |= {one.stack for one in believed} & snapshot.world.records_by_stack.keys()
    unseen, waiting = _unwitnessed(snapshot, group, owners, verdict)
    uids = {pod.uid for one in believed for pod in one.pods} | replaced
    said: Set[Key] = many.stacks if many.said else frozenset()
    soon = snapshot.clock + asking.interval
    return Belief(
        believed=frozenset(uids),
        holding=holding.to_tell(
            snapshot, plex, held=said, alone=alone | unseen, limit=asking.hold_limit
        ),
        due=min(soon, many.due) if alone or undecided else many.due,
        again=frozenset(many.stacks | undecided | alone),
        owners=SilentOwners(frozenset(owners), waiting) if owners else None,
    )


def _replaced(
    snapshot: Snapshot, stacks: Iterable[Key], asking: Monitor
) -> tuple[set[str], set[Key]]:
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
                if any(_testifies(snapshot, other, [pod], asking) for other in others):
                    found.add(pod.uid)
                else:
                    undecided.add(key)
    return found, undecided


def _is_suspect(snapshot: Snapshot, one: Silent) -> bool:
    return one.found and any(monitor.is_suspect(snapshot, pod) for pod in one.pods)


def _contradicted(
    snapshot: Snapshot, asking: Monitor, group: list[Key], one: Silent, verdict: VerdictOf
) -> bool:
    """Whether another Active stack has answered since this one fell silent.

    So the last one never goes (zos: never the only member), nor do all of them at once.
    """
    return any(
        found.active and found.serving and _testifies(snapshot, found.serving, one.pods, asking)
        for found in (verdict(key) for key in group if key != one.stack)
    )


def _testifies(snapshot: Snapshot, witness: Pod, silent: Sequence[Pod], asking: Monitor) -> bool:
    """Whether a pod answers while these do not.

    One that was silent together with them counts only when they have missed a full row since it
    answers again: what kept all from being heard is over, and they may not have been asked since.
    """
    rows = [t for pod in silent if (t := snapshot.memory.tallies.get(pod.uid)) is not None]
    began = _last_missed(rows)
    if began is None or not has_answered_since(snapshot, witness, began):
        return False
    lapse = snapshot.memory.tallies[witness.uid].lapse
    if lapse is None or lapse.over <= began:
        return True
    return doubt.row_since(snapshot, silent, lapse.over, asking)


def _unwitnessed(
    snapshot: Snapshot, group: list[Key], owners: set[Key], verdict: VerdictOf
) -> tuple[set[Key], bool]:
    """Silent owners since whose silence nobody has answered, and whether any Active stack has
    still to answer."""
    unseen, waiting = set(), False
    for key in owners:
        others = (verdict(other) for other in group if other != key)
        active = [found.serving for found in others if found.active and found.serving]
        began = silent_since(snapshot, key)
        seen = [has_answered_since(snapshot, pod, began) for pod in active]
        waiting = waiting or not all(seen)
        if active and not any(seen):
            unseen.add(key)
    return unseen, waiting


def _silent_owners(snapshot: Snapshot, plex: Sysplex, stacks: Iterable[Key]) -> set[Key]:
    """Stacks that own an address although nobody takes them for responsive: those known before,
    and new ones among `stacks`."""
    world, known = snapshot.world, snapshot.memory.silent.get(plex.key)
    candidates = {*stacks, *(known.stacks if known is not None else ())}
    return {
        key
        for key in candidates & world.records_by_stack.keys()
        if any(
            monitor.silence(snapshot, pod) and not monitor.is_suspect(snapshot, pod)
            for pod in world.members(key)
        )
    }


def silent_since(snapshot: Snapshot, stack: Key) -> float | None:
    """When the present silence of a stack began: with the first unanswered probe of the last of its
    pods. As long as another one answered, the stack did."""
    world, tallies = snapshot.world, snapshot.memory.tallies
    well = [pod for pod in world.members(stack) if health.facts(pod, world.nodes).eligible]
    return _last_missed([tally for pod in well if (tally := tallies.get(pod.uid)) is not None])


def _last_missed(rows: Iterable[Tally]) -> float | None:
    return max((row.missed for row in rows if row.missed is not None), default=None)


def has_answered_since(snapshot: Snapshot, pod: Pod, moment: float | None) -> bool:
    """Whether a pod has answered a probe that started later than this."""
    found = snapshot.memory.tallies.get(pod.uid)
    if found is None or found.answered is None or moment is None:
        return False
    return found.answered > moment
