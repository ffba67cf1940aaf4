"""What has been seen, by version, and what has to be planned again because of it.

An object may arrive by a watch, a list, or as the answer to our own write, in any order. The
resourceVersion decides which is newer; the API server promises that it can be compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from vipa.core import judging, monitor, probing
from vipa.core import memory as bookkeeping
from vipa.core import scope as scopes
from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Inventory, Network, Object
from vipa.core.judging import Judged
from vipa.core.probing import Answer
from vipa.core.record import Record
from vipa.core.resources import Vipa
from vipa.core.scope import Scope
from vipa.core.snapshot import Memory, Settings, Snapshot
from vipa.k8s import decode
from vipa.k8s.listing import version_of

Ref = tuple[str, str, str]


class Seen(NamedTuple):
    """The version of an object, and its value (None: nothing that decisions read)."""

    uid: str
    version: int
    value: Object | None


class Store:
    """The world as seen, the memory, and two scopes: `urgent` for moves, `stale` for publishing."""

    def __init__(self, settings: Settings, now: Callable[[], str]) -> None:
        self.world = Inventory()
        self.memory = Memory(emitted=set())
        self.settings = settings
        self.urgent = Scope()
        self.stale = Scope()
        self.strays: dict[Key, str] = {}
        self.seen_at: dict[Key, float] = {}
        self.on_change: Callable[[], None] = lambda: None
        self.on_record: Callable[[Record | None, Record], None] = lambda old, new: None
        self.on_seen: Callable[[Object, bool], None] = lambda thing, gone: None
        self.on_term: Callable[[], None] = lambda: None
        # The highest term in a record, which ours has to be above: read by the elector's thread.
        self.highest_term = 0
        self._now = now
        self._seen: dict[Ref, Seen] = {}

    def snapshot(self) -> Snapshot:
        """Valid until the next observation: plan without awaiting."""
        return Snapshot(
            world=self.world,
            now=self._now(),
            clock=time.monotonic(),
            settings=self.settings,
            memory=self.memory,
        )

    def observe(self, kind: str, raw: Mapping[str, Any], at: float | None = None) -> None:
        """Take in an object. Older than what is known: passed over."""
        ref, uid, version = reference(kind, raw)
        known = self._seen.get(ref)
        if known is not None and version < known.version:
            return
        value = decode.decode(kind, raw)
        self._seen[ref] = Seen(uid, version, value)
        before = known.value if known is not None else None
        if before is not None and (value is None or _slot(before) != _slot(value)):
            self._absorb(before, gone=True, at=at)
        if value is not None:
            self._absorb(value, gone=False, at=at)

    def forget(
        self, kind: str, raw: Mapping[str, Any], at: float | None = None, *, deleted: bool = True
    ) -> None:
        """Take an object out. One that came back under the name meanwhile stays."""
        ref, uid, version = reference(kind, raw)
        known = self._seen.get(ref)
        if known is None or known.uid != uid or (not deleted and version < known.version):
            return
        del self._seen[ref]
        if known.value is not None:
            self._absorb(known.value, gone=True, at=at)

    def known(self, kind: str) -> dict[Ref, Seen]:
        """What is held of one kind, to be compared with a list."""
        return {ref: seen for ref, seen in self._seen.items() if ref[0] == kind}

    def vanish(self, ref: Ref, seen: Seen) -> None:
        """A list at a later version does not have it: it was deleted while nobody looked."""
        if self._seen.get(ref) == seen:
            del self._seen[ref]
            if seen.value is not None:
                self._absorb(seen.value, gone=True, at=None)

    def __len__(self) -> int:
        return len(self._seen)

    def lost(self, kind: str, key: Key) -> None:
        """The API server knows no such object."""
        ref = (kind, key.namespace, key.name)
        if (known := self._seen.get(ref)) is not None:
            self.vanish(ref, known)

    def reread(self, kind: str, raw: Mapping[str, Any] | None, key: Key) -> None:
        """What the API server says of an object that was asked for by name; None: no such one."""
        if raw is not None:
            self.observe(kind, raw)
        else:
            self.lost(kind, key)

    def deleted(self, kind: str, key: Key, uid: str) -> None:
        """Our own deletion was taken."""
        ref = (kind, key.namespace, key.name)
        known = self._seen.get(ref)
        if known is not None and known.uid == uid:
            self.vanish(ref, known)

    def set_service_cidrs(self, cidrs: tuple[Network, ...]) -> None:
        self.settings = replace(self.settings, service_cidrs=cidrs)

    def stray(self, raw: Mapping[str, Any]) -> None:
        """A pod outside of every group that still carries our annotation."""
        (_, namespace, name), uid, _ = reference("Pod", raw)
        self.strays[Key(namespace, name)] = uid

    def annotated(self, key: Key, uid: str, value: str | None) -> None:
        """Our own annotation on a pod was taken; its watch event brings nothing new."""
        self.strays.pop(key, None)
        ref = ("Pod", key.namespace, key.name)
        known = self._seen.get(ref)
        if known is not None and known.uid == uid and isinstance(known.value, Pod):
            pod = replace(known.value, published=value)
            self._seen[ref] = known._replace(value=pod)
            self._absorb(pod, gone=False, at=None)

    def heard(self, pod: Pod, answer: Answer, at: float) -> None:
        """Count an answer to a probe of this pod; `at` and `answer.started` are monotonic.

        Whoever probes makes sure that the address was still this pod's when the answer came.
        """
        snapshot = self.snapshot()
        asking = monitor.of(snapshot, pod)
        if asking is None:
            return
        before = monitor.tally(snapshot, pod, asking)
        after = self.memory.tallies[pod.uid] = probing.heard(before, asking, answer, at)
        if monitor.matters(snapshot, pod, before, after):
            self.mark(scopes.of_stack(self.world, pod.stack_key))

    def forget_rows(self) -> None:
        """Count anew who answers and who does not; verdicts stay until a full row overturns them.

        After a time without sight: what was counted before it is of another time.
        """
        for uid, tally in self.memory.tallies.items():
            self.memory.tallies[uid] = probing.anew(tally)

    def behind(self, plex: Key, text: str | None) -> None:
        """The probes of a group come too late to count, for this reason; None: they count again."""
        if text is None:
            self.memory.behind.pop(plex, None)
        else:
            self.memory.behind[plex] = text
        self.mark(Scope(sysplexes={plex}, decides=False))

    def renewed(self, node: str, at: float) -> None:
        """The Lease of a node's kubelet was seen to change at this monotonic time."""
        self.memory.renewed[node] = at

    def _absorb(self, thing: Object, *, gone: bool, at: float | None) -> None:
        before = self.world.get(thing)
        if isinstance(thing, Record):
            self._remember(before if isinstance(before, Record) else None, thing, gone=gone)
        elif gone and isinstance(thing, Pod) and thing.published is not None:
            # Deleted, or only without its label: then the annotation is still on it.
            self.strays[thing.key] = thing.uid
        elif gone and isinstance(thing, Vipa):
            self.memory.records.pop(thing.uid, None)
        if gone and isinstance(thing, Pod):
            self.memory.tallies.pop(thing.uid, None)
        touched = scopes.absorb(self.world, thing, gone=gone, verdicts=self.memory.verdicts)
        if isinstance(before, Pod) and isinstance(thing, Pod) and before.uid != thing.uid:
            self.memory.tallies.pop(before.uid, None)  # another one under its name
        if touched:
            self.mark(touched, at)
        self.on_seen(thing, gone)

    def mark(self, touched: Scope, at: float | None = None) -> None:
        """Plan these again."""
        if touched.decides:
            moment = time.perf_counter() if at is None else at
            for key in touched.vipas:
                self.seen_at.setdefault(key, moment)
            self.urgent.vipas |= touched.vipas
            self.urgent.stacks |= touched.stacks
        self.stale.add(touched)
        self.on_change()

    def adopt(self, term: int) -> None:
        """Begin a term: what is in the API counts, and no opinion of our own (I4).

        Facts stay: which records and fences there were, when a node was last heard of.
        """
        self.settings = replace(self.settings, term=term)
        bookkeeping.adopt(self.memory)

    def mark_all(self) -> None:
        self.mark(scopes.everything(self.world))

    def judged(self, found: Judged) -> None:
        """Keep the verdicts of a round; those on stacks that are no more are dropped."""
        judging.remember(self.memory, found)
        for key in found.verdicts:
            if key not in self.world.stacks and key not in self.world.pods_by_stack:
                self.memory.verdicts.pop(key, None)

    def _remember(self, before: Record | None, record: Record, *, gone: bool) -> None:
        if gone:
            bookkeeping.gone(self.memory, record)
        else:
            bookkeeping.seen(self.memory, record)
            if record.term > self.highest_term:
                self.highest_term = record.term
                self.on_term()
            self.on_record(before, record)

    def released(self, vipa: Key) -> None:
        """We deleted the record ourselves."""
        found = self.world.vipas.get(vipa)
        if found is not None:
            bookkeeping.released(self.memory, found.uid)


def reference(kind: str, raw: Mapping[str, Any]) -> tuple[Ref, str, int]:
    meta = raw.get("metadata") or {}
    ref = (kind, str(meta.get("namespace") or ""), str(meta.get("name") or ""))
    return ref, str(meta.get("uid") or ""), version_of(raw)


def _slot(thing: Object) -> tuple[type, object]:
    """Where a value lives: an EndpointSlice may turn from a record into a foreign slice."""
    return type(thing), getattr(thing, "vipa", None) or getattr(thing, "key", None)
