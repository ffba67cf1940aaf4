"""The processes of one repetition: operator, floor and watcher, and what the watcher reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
from hack.bench import processes, world
from hack.bench.processes import Child, FailedError, Plane

QUIET_S = 1.5
SETTLED_WITHIN_S = 600.0


class State(NamedTuple):
    """One line of the watcher."""

    at: float
    epoch: int
    owner: str


NEVER = State(0.0, 0, "-")


class Sightings:
    """The latest state of everything, as the watcher saw it, and who waits for the next."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], State] = {}
        self._waiting: list[tuple[tuple[str, str], Callable[[State], bool], asyncio.Future[State]]]
        self._waiting = []
        self.synced: set[str] = set()
        self.last_line_at = 0.0

    def state(self, sort: str, name: str) -> State:
        return self._states.get((sort, name), NEVER)

    async def read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            at, sort, name, epoch, owner = line.decode().split()
            self.last_line_at = time.perf_counter()
            if sort == "synced":
                self.synced.add(name)
            else:
                self._learn((sort, name), State(float(at), int(epoch), owner))

    def _learn(self, place: tuple[str, str], state: State) -> None:
        self._states[place] = state
        for waiting in list(self._waiting):
            wanted, fits, future = waiting
            if wanted == place and not future.done() and fits(state):
                future.set_result(state)
                self._waiting.remove(waiting)

    def expect(self, sort: str, name: str, fits: Callable[[State], bool]) -> asyncio.Future[State]:
        """The next state that fits; asked for before the change that brings it about."""
        future: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._waiting.append(((sort, name), fits, future))
        return future

    def forget(self) -> None:
        self._waiting.clear()


class Crew:
    """Everybody at work."""

    def __init__(self, operator: Child, floor: Child, watcher: Child, port: int) -> None:
        self.operator = operator
        self.floor = floor
        self.watcher = watcher
        self.sightings = Sightings()
        self._ready = f"http://127.0.0.1:{port}/readyz"

    def check(self) -> None:
        for one in (self.operator, self.floor, self.watcher):
            one.check()

    async def settled(self, size: int) -> None:
        """Return when every VIPA has an owner, all have been told, and nothing moves any more."""
        deadline = time.perf_counter() + SETTLED_WITHIN_S
        since = 0.0
        while True:
            self.check()
            now = time.perf_counter()
            if not since and await self._is_ready():
                since = now
            quiet = since and now - max(since, self.sightings.last_line_at) > QUIET_S
            if quiet and len(self.sightings.synced) == 2 and self._all_told(size):
                await self.operator.calm(QUIET_S, deadline - now)
                return
            if now > deadline:
                raise FailedError("the operator did not bring all VIPAs up in time")
            await asyncio.sleep(0.1)

    async def _is_ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(self._ready) as reply:
                return reply.status == 200
        except aiohttp.ClientError:
            return False

    def _all_told(self, size: int) -> bool:
        for number in range(size):
            name = f"{world.NAMESPACE}/{world.vipa(number)}"
            record = self.sightings.state("record", f"{name}-owner")
            if record.epoch == 0 or self.sightings.state("vipa", name).epoch != record.epoch:
                return False
        return True


@asynccontextmanager
async def crew(plane: Plane, stamps: dict[str, Path], *flags: str) -> AsyncIterator[Crew]:
    """Start all. `stamps`: the files of `ours` and `floor`."""
    port = processes.free_port()
    async with AsyncExitStack() as stack:
        ours = (plane.operator, str(stamps["ours"]), str(port), world.ALLOWED, *flags)
        enter = stack.enter_async_context
        operator = await enter(processes.child("hack.bench.stamped", *ours))
        floor = await enter(
            processes.child("hack.bench.floor", plane.operator, str(stamps["floor"]))
        )
        watcher = await enter(processes.child("hack.bench.watcher", plane.admin, heard=True))
        made = Crew(operator, floor, watcher, port)
        reading = asyncio.create_task(made.sightings.read(watcher.output))
        try:
            yield made
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
