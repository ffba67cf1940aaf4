"""Probes under way: at most one for each target, and not more at once than there is room for."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from vipa.core.resources import Probe
from vipa.shell.schedule import Target
from vipa.shell.wire import Exhausted

log = logging.getLogger(__name__)

# Address, what to ask, timeout in seconds; the error in words, empty where it answered.
Ask = Callable[[str, Probe, float], Coroutine[Any, Any, str]]

# 5,000 stacks at 2 s that all hang for a timeout of 1.5 s are 3,750 at once. A socket that waits
# and its task take about 6 KB. Where files are scarce, a quarter is left to everything else.
ROOM = 4096
SPARE = 4
# A loop that cannot follow is not helped by more to do at once: then fewer are begun, down to
# these, and every turn that is on time allows more again.
AT_LEAST, MORE = 64, 32


def room() -> int:
    """How many probes may be in flight; raises our own soft limit of open files for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    wanted = ROOM * SPARE // (SPARE - 1) + 1
    if soft != endless and soft < wanted:
        soft = wanted if hard == endless else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return ROOM if soft == endless else max(1, min(ROOM, soft - soft // SPARE))


class Landing(NamedTuple):
    """A probe that ended. `due` and `started`: monotonic seconds. `error` None: nobody was asked,
    for want of something that is ours."""

    target: Target
    due: float
    started: float
    error: str | None


class Flights:
    """Whoever finds no room waits in line, and is late for that."""

    def __init__(
        self,
        ask: Ask,
        landed: Callable[[Landing], None],
        clock: Callable[[], float],
        at_most: int,
    ) -> None:
        self._ask = ask
        self._landed = landed
        self._clock = clock
        self._at_most = self._room = at_most
        self._tasks: dict[Target, asyncio.Task[str]] = {}
        self._line: deque[tuple[Target, float]] = deque()

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, target: Target, due: float) -> None:
        """Ask this target, which is not busy, as soon as there is room."""
        target.busy = True
        if len(self._tasks) < self._room and not self._line:
            self._begin(target, due)
        else:
            self._line.append((target, due))

    def pace(self, *, slow: bool) -> None:
        """Whether the loop follows. Else probes that were begun would all end too late to count,
        and none be heard; so those are that there is time for, and the others are late."""
        if slow:
            fewer = min(self._room, len(self._tasks)) // 2
            self._room = min(self._at_most, max(AT_LEAST, fewer))
        elif self._room < self._at_most:
            self._room = min(self._at_most, self._room + MORE)
            self._follow()

    def cancel(self, target: Target) -> None:
        """End what is under way for it; it will not land."""
        if (task := self._tasks.get(target)) is not None:
            task.cancel()

    async def stop(self) -> None:
        self._line.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, target: Target, due: float) -> None:
        started, asked = self._clock(), target.monitor
        task = asyncio.create_task(self._ask(target.ip, asked.probe, asked.timeout))
        self._tasks[target] = task
        # By a callback and not inside of the task: one that is cancelled early never runs.
        task.add_done_callback(partial(self._done, target, due, started))

    def _follow(self) -> None:
        while self._line and len(self._tasks) < self._room:
            target, due = self._line.popleft()
            if target.current:
                self._begin(target, due)

    def _done(self, target: Target, due: float, started: float, task: asyncio.Task[str]) -> None:
        del self._tasks[target]
        target.busy = False
        self._follow()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, Exhausted):
            log.error("a probe of %s broke", target.pod, exc_info=error)
        self._landed(Landing(target, due, started, None if error else task.result()))
