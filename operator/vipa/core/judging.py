"""A round of verdicts: each stack by itself, then what the guard believes, then who joins."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from vipa.core import groupstatus, guard, membership, monitor, ownership
from vipa.core.cluster import Key
from vipa.core.guard import Belief
from vipa.core.judgement import Judgement
from vipa.core.resources import Phase, Sysplex
from vipa.core.snapshot import Memory, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Verdicts by stack, the last join number given per Sysplex, and what the guard said of each
    group that was looked at. `believed`: all pods whose silence is believed."""

    verdicts: dict[Key, Judgement] = field(default_factory=dict)
    joins: dict[Key, int] = field(default_factory=dict)
    believed: frozenset[str] = frozenset()
    beliefs: dict[Key, Belief] = field(default_factory=dict)


def judge(snapshot: Snapshot, stacks: Iterable[Key]) -> Judged:
    """Verdicts on these stacks, and on those in doubt in the same groups: what is found out about
    one stack may be the word that another one waits for.

    Stacks that become Active in one round get their numbers in order of name.
    """
    memory, wanted = snapshot.memory, set(stacks)
    groups = _groups(snapshot, wanted)
    for plex in groups:
        if (held := memory.holding.get(plex.key)) is not None:
            wanted |= held.stacks
        wanted |= memory.doubted.get(plex.key, frozenset())
    still = frozenset(uid for uid in memory.believed if (t := memory.tallies.get(uid)) and t.silent)
    seen = _believing(snapshot, still)
    verdicts = {key: membership.judge(seen, key, memory.verdicts.get(key)) for key in wanted}
    out = (_out_with(seen, key) for key in wanted if verdicts[key].active)
    seen = _believing(snapshot, still.union(*out))
    believed, beliefs = _decide(seen, groups, wanted, verdicts)
    joins = _join(snapshot, verdicts)
    return Judged(verdicts=verdicts, joins=joins, believed=believed, beliefs=beliefs)


def _believing(snapshot: Snapshot, uids: Set[str]) -> Snapshot:
    return replace(snapshot, memory=replace(snapshot.memory, believed=uids))


def _out_with(seen: Snapshot, key: Key) -> list[str]:
    """The silent pods of a stack that is not Active yet. That another pod brings it in is no reason
    to doubt them anew: one of them would be taken for the holder that it was."""
    tallies = seen.memory.tallies
    uids = (pod.uid for pod in seen.world.members(key))
    silent = [uid for uid in uids if (t := tallies.get(uid)) is not None and t.silent]
    if silent and monitor.last_of(seen, key).phase is not Phase.ACTIVE:
        return silent
    return []


def _decide(
    seen: Snapshot, groups: list[Sysplex], wanted: set[Key], verdicts: dict[Key, Judgement]
) -> tuple[frozenset[str], dict[Key, Belief]]:
    """What the guard believes, until nothing more follows from it: a pod that serves in the place
    of a silent one is a witness at once, and not only when somebody looks again.

    It ends: each time at least one more pod is believed.
    """
    while True:
        beliefs = {plex.key: _look(seen, plex, wanted, verdicts) for plex in groups}
        news = frozenset().union(*(belief.believed for belief in beliefs.values()))
        news -= frozenset(seen.memory.believed)
        seen = _believing(seen, seen.memory.believed | news)
        for key in {pod.stack_key for uid in news if (pod := seen.world.pod_of(uid))}:
            verdicts[key] = membership.judge(seen, key, seen.memory.verdicts.get(key))
        if not news:
            break
    for belief in beliefs.values():
        _look_again(belief, verdicts)
    return frozenset(seen.memory.believed), beliefs


def _look(
    seen: Snapshot, plex: Sysplex, wanted: set[Key], verdicts: dict[Key, Judgement]
) -> Belief:
    mine = {key for key in wanted if _group(seen, key) == plex.key}
    known = seen.memory.silent.get(plex.key)
    mine |= known.stacks if known is not None else set()
    return guard.look(
        seen, plex, mine, lambda key: verdicts.get(key) or ownership.judgement(seen, key)
    )


def _groups(snapshot: Snapshot, stacks: Iterable[Key]) -> list[Sysplex]:
    """The groups of these stacks that somebody monitors."""
    world = snapshot.world
    if not snapshot.settings.probes:
        return []
    found = [world.sysplexes.get(key) for key in sorted({_group(snapshot, s) for s in stacks})]
    return [plex for plex in found if plex is not None and plex.monitor is not None]


def _group(snapshot: Snapshot, stack: Key) -> Key:
    world = snapshot.world
    name = membership.sysplex_of(world, stack, world.members(stack))
    return Key(stack.namespace, name)


def _look_again(belief: Belief, verdicts: dict[Key, Judgement]) -> None:
    """Say when to look at those in doubt although nothing happens."""
    for key in belief.again & verdicts.keys():
        dues = [due for due in (verdicts[key].due, belief.due) if due is not None]
        verdicts[key] = verdicts[key]._replace(due=min(dues, default=None))


def _join(snapshot: Snapshot, verdicts: dict[Key, Judgement]) -> dict[Key, int]:
    joins: dict[Key, int] = {}
    for key in sorted(verdicts):
        found = verdicts[key]
        plex = snapshot.world.sysplexes.get(Key(key.namespace, found.sysplex))
        if found.phase is Phase.ACTIVE and found.join_number == 0 and plex is not None:
            last = joins.get(plex.key) or groupstatus.last_join(snapshot, plex)
            joins[plex.key] = last + 1
            verdicts[key] = found._replace(join_number=last + 1)
    return joins


def others(snapshot: Snapshot, stacks: Iterable[Key], judged: Judged) -> set[Key]:
    """Stacks that nobody asked for and that are another matter now: their addresses are to be
    planned too. Ask before `remember`.

    Also where the verdict is the same: a record may name an incarnation that is believed no more.
    """
    memory = snapshot.memory
    pods = [snapshot.world.pod_of(uid) for uid in judged.believed ^ memory.believed]
    found = {pod.stack_key for pod in pods if pod is not None}
    for key in judged.verdicts:
        old, new = memory.verdicts.get(key), judged.verdicts[key]
        if old is None or (old.verdict, old.serving) != (new.verdict, new.serving):
            found.add(key)
    return found - set(stacks)


def remember(memory: Memory, judged: Judged) -> None:
    """Keep what a round found; what a stack that is gone left is dropped by whoever sees it go."""
    memory.verdicts.update(judged.verdicts)
    memory.joins.update(judged.joins)
    memory.believed = judged.believed
    for plex, belief in judged.beliefs.items():
        memory.holding.pop(plex, None)
        memory.doubted.pop(plex, None)
        memory.silent.pop(plex, None)
        if belief.holding is not None:
            memory.holding[plex] = belief.holding
        if belief.again:
            memory.doubted[plex] = belief.again
        if belief.owners is not None:
            memory.silent[plex] = belief.owners
