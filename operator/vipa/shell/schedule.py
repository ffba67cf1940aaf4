"""Whom to ask, and when: one entry for each pod, in a heap by time. Without a clock or a loop.

An entry keeps its phase: the probes of a pod come at `first + n * interval` for ever, so that load
that was spread once stays spread. A time that has passed unused is skipped, never made up for.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from vipa.core.cluster import Key, Pod
from vipa.core.resources import Monitor
from vipa.shell import lateness
from vipa.shell.lateness import Allowance


@dataclass(eq=False, slots=True)
class Target:
    """A pod at an address, to be asked so. All times are monotonic seconds.

    `allowed`: how late its probes may be. `busy`: a probe is in flight or waits for its turn.
    `hurried`: it was Ready once, and was asked then if nobody had heard of it. `current` False: not
    to be asked any more.
    """

    pod: Key
    uid: str
    ip: str
    plex: Key
    monitor: Monitor
    allowed: Allowance
    due: float = 0.0
    busy: bool = False
    hurried: bool = False
    current: bool = field(default=True)

    def asks_as(self, other: Target) -> bool:
        """Whether the other one asks the same pod the same thing at the same times."""
        mine, theirs = self.monitor, other.monitor
        return (self.uid, self.ip, self.plex, mine.probe, mine.interval, mine.timeout) == (
            *(other.uid, other.ip, other.plex),
            *(theirs.probe, theirs.interval, theirs.timeout),
        )


def target(pod: Pod, monitor: Monitor | None) -> Target | None:
    """The entry for a pod; None while there is nothing to ask: no address, no node, or it ended.

    A pod that is being deleted is asked until it is gone: it may be the last that serves.
    """
    if monitor is None or pod.ended or not pod.ips or not pod.node or not pod.stack:
        return None
    plex = Key(pod.key.namespace, pod.sysplex)
    return Target(
        pod=pod.key,
        uid=pod.uid,
        ip=pod.ips[0],
        plex=plex,
        monitor=monitor,
        allowed=lateness.allowance(monitor),
    )


def jitter(uid: str) -> float:
    """The place of a pod in an interval, from 0 to below 1: the same after every restart."""
    digest = hashlib.blake2b(uid.encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


class Schedule:
    """The entries, by pod. Cost of a probe: one step in a heap."""

    def __init__(self) -> None:
        self._targets: dict[Key, Target] = {}
        self._heap: list[tuple[float, int, Target]] = []
        self._turn = itertools.count()
        self._sizes: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._targets)

    def get(self, pod: Key) -> Target | None:
        return self._targets.get(pod)

    def size(self, plex: Key) -> int:
        """How many of a Sysplex are asked."""
        return self._sizes.get(plex, 0)

    def of(self, plex: Key) -> list[Target]:
        return [target for target in self._targets.values() if target.plex == plex]

    def put(self, new: Target, now: float) -> Target | None:
        """Ask this pod from now on. Returns the entry that it replaces; one alike stays."""
        old = self._targets.get(new.pod)
        if old is not None and old.asks_as(new):
            old.monitor = new.monitor  # thresholds are none of the schedule's
            return None
        self.drop(new.pod)
        self._targets[new.pod] = new
        self._sizes[new.plex] = self._sizes.get(new.plex, 0) + 1
        new.due = now + jitter(new.uid) * new.monitor.interval
        self._push(new)
        return old

    def drop(self, pod: Key) -> Target | None:
        """Ask this pod no more. What is left of it in the heap is passed over when it is due."""
        old = self._targets.pop(pod, None)
        if old is None:
            return None
        old.current = False
        self._sizes[old.plex] -= 1
        if not self._sizes[old.plex]:
            del self._sizes[old.plex]
        if len(self._heap) > 2 * len(self._targets) + 64:
            self._heap = [entry for entry in self._heap if entry[2].current]
            heapq.heapify(self._heap)
        return old

    def due(self, now: float) -> Iterator[tuple[Target, float]]:
        """Who is to be asked by now, with the time when it should have been.

        Whoever is busy still is passed over: probes of a pod that hangs do not pile up.
        """
        while self._heap and self._heap[0][0] <= now:
            at, _, target = heapq.heappop(self._heap)
            if not target.current:
                continue
            interval = target.monitor.interval
            target.due = at + interval * (1 + math.floor((now - at) / interval))
            self._push(target)
            if not target.busy:
                yield target, at

    def next(self) -> float | None:
        """When somebody is due; never too late, and too early where it was dropped meanwhile."""
        return self._heap[0][0] if self._heap else None

    def _push(self, target: Target) -> None:
        heapq.heappush(self._heap, (target.due, next(self._turn), target))
