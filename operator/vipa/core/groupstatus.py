"""Status of the members and the group: Stack, Sysplex and VIPABackup."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator

from vipa.core import conditions
from vipa.core.cluster import Key
from vipa.core.conditions import FALSE, TRUE
from vipa.core.inventory import NOTHING, Inventory
from vipa.core.judgement import Judgement
from vipa.core.ownership import judgement
from vipa.core.publish import SHOWN, is_deactivated
from vipa.core.resources import (
    Backup,
    Condition,
    Issue,
    Phase,
    Stack,
    StackStatus,
    StackVipa,
    Sysplex,
    SysplexStatus,
    Vipa,
)
from vipa.core.snapshot import Snapshot


def stack(snapshot: Snapshot, found: Stack, judged: Judgement) -> StackStatus:
    """The verdict of this round, and the addresses that the stack serves or stands ready for."""
    lines, total = _vipas(snapshot, found.key, judged)
    pod = judged.serving
    node = snapshot.world.nodes.get(pod.node) if pod else None
    news = [conditions.not_supported(found.unsupported), _invalid(found.issues)]
    return StackStatus(
        phase=judged.phase,
        reason=judged.reason,
        message=judged.verdict.message,
        since=judged.since,
        pod=pod.key.name if pod else "",
        pod_uid=pod.uid if pod else "",
        pod_ip=pod.ips[0] if pod and pod.ips else "",
        node=pod.node if pod else "",
        zone=node.zone if node else "",
        join_number=judged.join_number,
        damping=judged.damping,
        expelled_since=judged.expelled_since,
        vipas=tuple(lines),
        vipas_total=total,
        conditions=conditions.merge(news, found.status.conditions, found.generation, snapshot.now),
    )


def _vipas(snapshot: Snapshot, key: Key, judged: Judgement) -> tuple[list[StackVipa], int]:
    """The first lines, and how many there are: a stack may stand ready for thousands."""
    world = snapshot.world
    held = world.records_by_stack.get(key, NOTHING)
    concerned = world.concerned(key) if judged.active else held
    shown = [vipa for vipa in concerned if _shows(world, key, judged, vipa, vipa in held)]
    lines = []
    for vipa_key in heapq.nsmallest(SHOWN, shown):
        status = "ACTIVE"
        if vipa_key not in held:
            off = is_deactivated(snapshot, key, world.vipas[vipa_key])
            status = "DEACTIVATED" if off else "BACKUP"
        lines.append(StackVipa(vipa_key.name, world.records[vipa_key].address, status))
    return lines, len(shown)


def _shows(world: Inventory, key: Key, judged: Judgement, vipa_key: Key, holds: bool) -> bool:
    """Whether a VIPA is accepted, and this stack its owner or one that ranks for it."""
    vipa, record = world.vipas.get(vipa_key), world.records.get(vipa_key)
    if vipa is None or record is None or record.vipa_uid != vipa.uid:
        return False
    ranks = judged.sysplex == vipa.spec.sysplex and _ranks(vipa, key)
    return holds or ranks


def _ranks(vipa: Vipa, key: Key) -> bool:
    """A Static VIPA has no backups, whatever a ranking says."""
    return not vipa.spec.static or vipa.spec.primary == key.name


def _invalid(issues: tuple[Issue, ...]) -> Condition | None:
    if not issues:
        return None
    text = "; ".join(map(str, issues))
    return Condition(type="Invalid", status=TRUE, reason="Invalid", message=text)


def sysplex(snapshot: Snapshot, found: Sysplex) -> SysplexStatus:
    """Counts, and the last join number given: shown before any Stack shows it (I4)."""
    world, known = snapshot.world, snapshot.memory.verdicts
    stacks = world.stacks_by_sysplex.get(found.key, NOTHING)
    # The one count over a whole group: no call for a stack that has been judged.
    phases = (k.phase if (k := known.get(s)) else judgement(snapshot, s).phase for s in stacks)
    active = sum(1 for phase in phases if phase is Phase.ACTIVE)
    news = [
        _ready(snapshot, found),
        _holding(snapshot, found),
        conditions.not_supported(found.unsupported),
    ]
    return SysplexStatus(
        stacks=len(stacks),
        active=active,
        vipas=len(world.vipas_by_sysplex.get(found.key, NOTHING)),
        joins=last_join(snapshot, found),
        conditions=conditions.merge(news, found.status.conditions, found.generation, snapshot.now),
    )


def _ready(snapshot: Snapshot, found: Sysplex) -> Condition:
    """Whether somebody looks after the group, and can keep up with it."""
    if found.issues:
        text = "; ".join(map(str, found.issues))
        return Condition(type="Ready", status=FALSE, reason="Invalid", message=text)
    if late := snapshot.memory.behind.get(found.key):
        return Condition(type="Ready", status=FALSE, reason="ProbesLate", message=late)
    text = "stacks are watched"
    return Condition(type="Ready", status=TRUE, reason="Watching", message=text)


def _holding(snapshot: Snapshot, found: Sysplex) -> Condition | None:
    """What the operator does not believe of its own probes; since when is kept by the API.

    It stands until the verdicts that ended it are in the API: a fresh operator that found neither
    would hold them anew, for as long again.
    """
    held = snapshot.memory.holding.get(found.key)
    if held is not None:
        return Condition(type="Holding", status=TRUE, reason=held.reason, message=held.message)
    shown = [one for one in found.status.conditions if one.type == "Holding"]
    return shown[0] if shown and any(_untold(snapshot, found.key)) else None


def _untold(snapshot: Snapshot, group: Key) -> Iterator[Key]:
    """Stacks whose silence is believed and that the API still shows as Active."""
    world = snapshot.world
    for pod in map(world.pod_of, snapshot.memory.believed):
        stack = world.stacks.get(pod.stack_key) if pod is not None else None
        if stack is None or stack.group != group or stack.status.phase is not Phase.ACTIVE:
            continue
        if not judgement(snapshot, stack.key).active:
            yield stack.key


def last_join(snapshot: Snapshot, found: Sysplex) -> int:
    """The highest number given so far. Stacks tell too: a Sysplex made anew begins with 0."""
    top = snapshot.world.top_join(found.key)
    return max(found.status.joins, snapshot.memory.joins.get(found.key, 0), top)


def backup(snapshot: Snapshot, found: Backup) -> tuple[Condition, ...]:
    """What of a ranking takes no effect, or takes it twice."""
    world, ns = snapshot.world, found.key.namespace
    if found.issues:
        text = "; ".join(map(str, found.issues))
        head = Condition(type="Accepted", status=FALSE, reason="Invalid", message=text)
        return conditions.merge([head], found.conditions, found.generation, snapshot.now)
    ranked = sorted(world.ranked(found))
    unknown = [name for name in sorted(found.vipas) if Key(ns, name) not in world.vipas]
    static = [key.name for key in ranked if world.vipas[key].spec.static]
    twice = sorted(_twice(snapshot, found, ranked))
    news = [
        Condition(
            type="Accepted", status=TRUE, reason="Accepted", message=f"ranks {len(ranked)} VIPAs"
        ),
        _named("Overlapping", "ranked more than once, the highest rank counts: ", twice),
        conditions.unknown_stack(world, ns, [rank.stack for rank in found.ranking]),
        _named("UnknownVIPA", "there is no VIPA of this name: ", unknown),
        _named("StaticNotRanked", "a Static VIPA has no backups: ", static),
    ]
    return conditions.merge(news, found.conditions, found.generation, snapshot.now)


def _named(type_: str, text: str, names: list[str]) -> Condition | None:
    if not names:
        return None
    message = text + ", ".join(names)
    return Condition(type=type_, status=TRUE, reason=type_, message=message)


def _twice(snapshot: Snapshot, found: Backup, ranked: list[Key]) -> Iterator[str]:
    world = snapshot.world
    mine = {rank.stack for rank in found.ranking}
    for key in ranked:
        vipa = world.vipas[key]
        if vipa.spec.static:
            continue
        lists = [vipa.spec.backups, *(other.ranking for other in world.rankings(vipa))]
        seen = Counter(rank.stack for ranking in lists for rank in ranking)
        if vipa.spec.primary:
            seen[vipa.spec.primary] += 1
        yield from (f"{stack} for {key.name}" for stack in mine if seen[stack] > 1)
