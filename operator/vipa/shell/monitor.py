"""Asks every stack whose Sysplex has a monitor, on time, and hands on what counts.

What an answer means is core's; here is decided only which answers are worth anything:

* An answer speaks for a pod while that pod, by uid, still has the address (`claims`).
* Who does not see the API server does not count (I10): its picture of who is where may be wrong.
* What failed while we were late, or stuck, does not count; an answer always does (`lateness`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from vipa.core import monitor as monitors
from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Object
from vipa.core.probing import Answer
from vipa.core.resources import Monitor, Sysplex
from vipa.shell import schedule
from vipa.shell.claims import Claims
from vipa.shell.flights import Ask, Flights, Landing, room
from vipa.shell.lateness import GRACE_S, Lateness, Stalls
from vipa.shell.probemetrics import Counted, ProbeMetrics
from vipa.shell.schedule import Schedule, Target
from vipa.shell.store import Store

# Probes that are due within this time start together: a wake-up costs as much as several of them.
GRAIN_S = 0.01
# The timer runs at least this often, to notice that the loop was stuck.
BEAT_S = 0.025


class Prober:
    """One timer for all. `tick` is one turn of it, and needs no waiting to be tested."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        blind: Callable[[float], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        at_most: int | None = None,
    ) -> None:
        self.lateness = Lateness()
        self.on_asking: Callable[[bool], None] = lambda asking: None
        self._store = store
        self._sightless = blind
        self._clock = clock
        self._flights = Flights(ask, self._judge, clock, at_most or room())
        self._schedule = Schedule()
        self._claims = Claims()
        self._stalls = Stalls()
        self._metrics: ProbeMetrics | None = None
        self._monitors: dict[Key, Monitor] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._blind = False
        self._open = False

    def tell(self, registry: CollectorRegistry) -> None:
        """Keep numbers there."""
        self._metrics = ProbeMetrics(
            registry,
            in_flight=lambda: len(self._flights),
            blind=lambda: self._sightless(self._clock()),
        )

    def start(self) -> None:
        """Ask from now on: everything has been listed."""
        self._open = True
        self._store.on_seen = self.seen
        world = self._store.world
        self._monitors = {
            key: plex.monitor for key, plex in world.sysplexes.items() if plex.monitor is not None
        }
        # Of two that claim an address at the start, the younger is the one that was given it.
        for pod in sorted(world.pods.values(), key=lambda pod: (pod.created, pod.key)):
            self._pod(pod, gone=False)

    async def stop(self) -> None:
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._flights.stop()

    def seen(self, thing: Object, gone: bool) -> None:
        """An object changed, or is gone; the store knows it already."""
        if isinstance(thing, Pod):
            self._pod(thing, gone=gone)
            self._hurry(thing.key)
        elif isinstance(thing, Sysplex):
            self._sysplex(thing.key, None if gone else thing.monitor)

    def _sysplex(self, key: Key, monitor: Monitor | None) -> None:
        """A status changes often, a monitor hardly ever: only then its pods are looked at."""
        if self._monitors.get(key) == monitor:
            return
        if monitor is None:
            del self._monitors[key]
        else:
            self._monitors[key] = monitor
        for pod in self._store.world.pods.values():
            if pod.key.namespace == key.namespace and pod.sysplex == key.name:
                self._pod(pod, gone=False)

    def _pod(self, pod: Pod, *, gone: bool) -> None:
        if gone:
            self._claims.leave(pod.key)
            self._drop(pod.key)
            return
        self._claims.take(pod)
        wanted = schedule.target(pod, monitors.of(self._store.snapshot(), pod))
        if wanted is None:
            self._drop(pod.key)
            return
        first = not len(self._schedule)
        self._abandon(self._schedule.put(wanted, self._clock()))
        if first:
            self.on_asking(True)
            self._beat()

    def _hurry(self, key: Key) -> None:
        """Ask a pod out of turn once, when it is Ready and nobody has heard of it: a rollout ends
        the pod before as soon as that, and would find no successor for up to an interval."""
        pod, target = self._store.world.pods.get(key), self._schedule.get(key)
        if pod is None or target is None or target.busy or target.hurried or not pod.ready:
            return
        target.hurried = True
        if monitors.unheard(self._store.snapshot(), pod):
            self._flights.begin(target, self._clock())

    def _drop(self, pod: Key) -> None:
        old = self._schedule.drop(pod)
        self._abandon(old)
        if old is not None and not len(self._schedule):
            self.on_asking(False)

    def _abandon(self, old: Target | None) -> None:
        """What is in flight for it will not count: end it, so that there is one for each pod."""
        if old is None:
            return
        self._flights.cancel(old)
        if not self._schedule.size(old.plex):
            self.lateness.forget(old.plex)
            if self._metrics is not None:
                self._metrics.forget(old.plex)

    def _beat(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open and len(self._schedule):
            wait = self.tick(self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait, self._beat)

    def tick(self, now: float) -> float:
        """Start what is due. Returns the seconds until the next turn."""
        self._flights.pace(slow=self._stalls.ran(now) > GRACE_S)
        self._look(now)
        for target, due in self._schedule.due(now):
            self._flights.begin(target, due)
        soonest = self._schedule.next()
        now = self._clock()
        wait = BEAT_S if soonest is None else min(max(soonest - now, GRAIN_S), BEAT_S)
        self._stalls.expect(now + wait)
        return wait

    def _look(self, now: float) -> None:
        before, self._blind = self._blind, self._sightless(now)
        if before and not self._blind:
            # What was counted before is older than all that may have happened meanwhile.
            self._store.forget_rows()

    def _judge(self, probe: Landing) -> None:
        target, at = probe.target, self._clock()
        if not target.current:
            return
        late = self._late(probe, at)
        self.lateness.count(target.plex, late, self._schedule.size(target.plex))
        counted = Counted.UNCOUNTED
        pod = self._speaks_for(target)
        if pod is not None and not self._blind and not (late and probe.error != ""):
            counted = Counted.UNANSWERED if probe.error else Counted.ANSWERED
            self._store.heard(pod, Answer(probe.started, probe.error or ""), at)
        if self._metrics is not None:
            self._metrics.probe(target.plex, counted, at - probe.started, late=late)

    def _late(self, probe: Landing, at: float) -> bool:
        allowed, taken = probe.target.allowed, at - probe.started
        return (
            probe.error is None
            or probe.started - probe.due > allowed.start
            or taken - probe.target.monitor.timeout > allowed.notice
            or self._stalls.longest(probe.started, at) > allowed.notice
        )

    def _speaks_for(self, target: Target) -> Pod | None:
        """The pod that was asked, if it is still there and the address is still its own."""
        world = self._store.world
        pod = world.pods.get(target.pod)
        if pod is None or pod.uid != target.uid:
            return None
        return pod if self._claims.holds(world, pod, target.ip) else None
