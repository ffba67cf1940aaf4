"""Events that are no moves: verdicts that are held, stacks that are quarantined.

Each has a name made of what it tells of and since when, so that it is said once, whoever says it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from vipa.core import forms
from vipa.core.actions import Emit
from vipa.core.cluster import Key
from vipa.core.inventory import NOTHING
from vipa.core.judgement import Judgement
from vipa.core.reasons import Candidate
from vipa.core.resources import Stack, Sysplex
from vipa.core.snapshot import Snapshot

# Whom one incident is told to at most: it is one cause, whatever it concerns.
TOLD = 64

About = tuple[str, Key, str]


def held(snapshot: Snapshot, plex: Sysplex) -> Iterator[Emit]:
    """That the probes are not believed: on the Sysplex, and on addresses that stay for it."""
    found = snapshot.memory.holding.get(plex.key)
    if found is None:
        return
    owned = {v for s in found.stacks for v in snapshot.world.records_by_stack.get(s, NOTHING)}
    note = f"{found.reason}: {found.message}"
    mark = f"held-{found.reason.lower()}-{forms.seconds(found.since) or 0}"
    about = [("Sysplex", plex.key, plex.uid), *_vipas(snapshot, owned)]
    yield from _told(snapshot, about, "Held", mark, note)


def quarantined(snapshot: Snapshot, stack: Stack, judged: Judgement) -> Iterator[Emit]:
    """That a stack failed too often: on the Stack, its pod, and the addresses that are its own."""
    world, pod = snapshot.world, judged.serving
    if judged.verdict.reason is not Candidate.QUARANTINED or pod is None:
        return
    named = world.vipas_by_stack.get(stack.key, NOTHING)
    own = {key for key in named if world.vipas[key].spec.primary == stack.key.name}
    own |= world.records_by_stack.get(stack.key, NOTHING)
    about = [
        ("Stack", stack.key, stack.uid),
        *_vipas(snapshot, own),
        ("Pod", pod.key, pod.uid),
    ]
    mark = f"quarantined-{forms.seconds(judged.damping.until) or 0}"
    yield from _told(snapshot, about, "Quarantined", mark, judged.verdict.message)


def _vipas(snapshot: Snapshot, keys: Iterable[Key]) -> Iterator[About]:
    for key in heapq.nsmallest(TOLD, keys):
        if (vipa := snapshot.world.vipas.get(key)) is not None:
            yield "VIPA", key, vipa.uid


def _told(
    snapshot: Snapshot, about: Iterable[About], event: str, mark: str, note: str
) -> Iterator[Emit]:
    for kind, key, uid in about:
        name = f"{key.name}.{mark}.{uid[-12:]}"
        if name not in snapshot.memory.emitted:
            yield Emit(
                key=key,
                reason=event,
                name=name,
                about=kind,
                uid=uid,
                event=event,
                note=note,
                warning=True,
            )
