"""The verdicts of a round, and when to look at a stack again although nothing happens."""

from __future__ import annotations

import asyncio

from vipa.core import judging
from vipa.core.cluster import Key
from vipa.core.scope import Scope, of_stack
from vipa.core.snapshot import Snapshot
from vipa.shell.metrics import Metrics
from vipa.shell.store import Store


class Judge:
    """Keeps verdicts in the store, and an alarm for each that may change by itself."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._alarms: dict[Key, asyncio.TimerHandle] = {}

    def judge(self, snapshot: Snapshot, scope: Scope) -> None:
        """The scope grows by what else the guard came to believe."""
        found = judging.judge(snapshot, scope.stacks)
        for key in judging.others(snapshot, scope.stacks, found):
            reach = of_stack(snapshot.world, key)
            scope.add(reach)
            self._store.stale.add(reach)
        for uid in found.believed - snapshot.memory.believed:
            tally = snapshot.memory.tallies.get(uid)
            if tally is not None and tally.missed is not None:
                self._metrics.detected(snapshot.clock - tally.missed)
        self._store.judged(found)
        for key, verdict in found.verdicts.items():
            self._alarm(key, verdict.due, snapshot.clock)

    def _alarm(self, stack: Key, due: float | None, now: float) -> None:
        former = self._alarms.pop(stack, None)
        if former is not None:
            former.cancel()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._alarms[stack] = loop.call_later(max(due - now, 0.0), self._rings, stack)

    def _rings(self, stack: Key) -> None:
        self._alarms.pop(stack, None)
        self._store.mark(of_stack(self._store.world, stack))
