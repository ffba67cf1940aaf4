"""What an operator of the model hears: the answers of pods, and the heartbeats of nodes.

Probes run while the clock moves by a `wait`, all in step and without jitter, so that a file can say
to the tenth of a second when something is known. Between the steps nobody asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from vipa.core import monitor as monitors
from vipa.core import probing
from vipa.core.cluster import Pod
from vipa.core.probing import Answer
from vipa.core.resources import Monitor
from vipa.core.snapshot import Memory, Snapshot
from vipa.rehearsal.happenings import Happenings

BEAT_S = 10.0
GRAIN = 1e-5
GOLDEN = 0.618


class Pending(NamedTuple):
    """A probe that nobody will answer: when it is given up, and of which pod."""

    until: float
    uid: str
    answer: Answer


class Monitoring:
    """`deliver` and `next` know the probes on their way; the counts are in the operator's memory.
    `heard`, `unheard`: by pod uid, when it answered last, and since when it has not.

    A pod answers unless it is deaf or its node has stopped reporting; Ready or not is no matter.
    `spread`: each pod is asked at a moment of its own in the interval, as a real operator asks.
    """

    def __init__(self, happenings: Happenings, *, spread: bool = False) -> None:
        self._happenings = happenings
        self._spread = spread
        self._phases: dict[str, float] = {}
        self._pending: list[Pending] = []
        self.heard: dict[str, float] = {}
        self.unheard: dict[str, float] = {}

    def next(self, snapshot: Snapshot) -> float | None:
        """The next moment at which an answer may arrive."""
        clock = snapshot.clock
        moments = [one.until for one in self._pending if one.until > clock + GRAIN]
        for pod, asking in _asked(snapshot):
            phase = self._phase(pod) * asking.interval
            ticks = math.floor((clock - phase) / asking.interval + GRAIN) + 1
            moments.append(round(phase + ticks * asking.interval, 6))
        return min(moments, default=None)

    def deliver(self, snapshot: Snapshot) -> bool:
        """Everything that is heard at this moment. Whether it may change a verdict."""
        clock, matters = snapshot.clock, False
        asked = {pod.uid: (pod, asking) for pod, asking in _asked(snapshot)}
        given_up = [one for one in self._pending if one.until <= clock + GRAIN]
        self._pending = [one for one in self._pending if one.until > clock + GRAIN]
        for one in given_up:
            if one.uid in asked:
                matters |= self._hear(snapshot, *asked[one.uid], one.answer)
        for pod, asking in asked.values():
            ticks = clock / asking.interval - self._phase(pod)
            if abs(ticks - round(ticks)) > GRAIN:
                continue
            if self._happenings.answers(pod):
                matters |= self._hear(snapshot, pod, asking, Answer(clock))
            else:
                self.unheard.setdefault(pod.uid, clock)
                error = f"no answer within {asking.timeout * 1000:g} ms"
                until = round(clock + asking.timeout, 6)
                self._pending.append(Pending(until, pod.uid, Answer(clock, error)))
        return matters

    def greet(self, snapshot: Snapshot) -> None:
        """Pods of which nothing is known answer their first probe within the step that they come
        in, and what nobody asks any more is forgotten."""
        tallies, asked = snapshot.memory.tallies, _asked(snapshot)
        for pod, asking in asked:
            found = monitors.tally(snapshot, pod, asking)
            unknown = pod.uid not in tallies and found.silent and not found.adopted
            if unknown and self._happenings.answers(pod):
                self._hear(snapshot, pod, asking, Answer(snapshot.clock))
        for uid in tallies.keys() - {pod.uid for pod, _ in asked}:
            del tallies[uid]

    def beat(self, memory: Memory, before: float, clock: float) -> None:
        """The kubelets have renewed their Leases if one of their beats lies in this time."""
        beat = math.floor(clock / BEAT_S + GRAIN)
        if beat > math.floor(before / BEAT_S + GRAIN):
            for name in self._happenings.reporting():
                memory.renewed[name] = beat * BEAT_S

    def listed(self, memory: Memory, clock: float) -> None:
        """An observer that sees Leases for the first time takes each of them for new."""
        for name in self._happenings.world.inventory.nodes:
            memory.renewed.setdefault(name, clock)

    def listed_again(self, memory: Memory, clock: float) -> None:
        """Leases that were renewed while nobody saw it are found to have changed."""
        for name in self._happenings.reporting():
            memory.renewed[name] = clock

    def cut_off(self) -> None:
        """Nobody hears any more what has been asked."""
        self._pending.clear()

    def _phase(self, pod: Pod) -> float:
        """In parts of the interval: no two of a few pods are near each other."""
        if not self._spread:
            return 0.0
        return self._phases.setdefault(pod.uid, len(self._phases) * GOLDEN % 1)

    def _hear(self, snapshot: Snapshot, pod: Pod, asking: Monitor, answer: Answer) -> bool:
        if not answer.error:
            self.heard[pod.uid] = answer.started
            self.unheard.pop(pod.uid, None)
        old = monitors.tally(snapshot, pod, asking)
        new = probing.heard(old, asking, answer, snapshot.clock)
        snapshot.memory.tallies[pod.uid] = new
        return monitors.matters(snapshot, pod, old, new)


def _asked(snapshot: Snapshot) -> list[tuple[Pod, Monitor]]:
    return list(_asking(snapshot))


def _asking(snapshot: Snapshot) -> Iterator[tuple[Pod, Monitor]]:
    for pod in snapshot.world.pods.values():
        asking = monitors.of(snapshot, pod)
        if asking is not None and pod.stack and pod.ips:
            yield pod, asking
