"""Two replicas of the operator; whoever ends is replaced."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from types import TracebackType

import aiohttp
from hack.bench import processes
from hack.bench.processes import Child, FailedError, Plane

from vipa.rehearsal.standin import VARIABLE

ALLOWED = "198.18.0.0/15"
HOT_WITHIN_S = 60.0


class Replica:
    """One process, asked by its port."""

    def __init__(self, child: Child, port: int) -> None:
        self._child = child
        self._url = f"http://127.0.0.1:{port}"

    def send(self, number: signal.Signals) -> None:
        self._child.send(number)

    @property
    def ended(self) -> bool:
        return self._child.ended

    async def is_ready(self, session: aiohttp.ClientSession) -> bool:
        async with session.get(f"{self._url}/readyz") as reply:
            return reply.status == 200

    async def leads(self, session: aiohttp.ClientSession) -> bool:
        async with session.get(f"{self._url}/metrics") as reply:
            return "sysplex_leader 1.0" in await reply.text()


class Replicas:
    """An async context; `standin`: who answers for the pods."""

    def __init__(self, plane: Plane, standin: str) -> None:
        self._plane = plane
        self._standin = standin
        self._stack = AsyncExitStack()
        self._replicas: list[Replica] = []

    async def __aenter__(self) -> Replicas:
        self._session = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def hot(self) -> Replica:
        """Two that are ready, one of which leads: that one."""
        deadline = time.monotonic() + HOT_WITHIN_S
        self._replicas = [one for one in self._replicas if not one.ended]
        while len(self._replicas) < 2:
            await self._start()
        while time.monotonic() < deadline:
            try:
                ready = [await one.is_ready(self._session) for one in self._replicas]
                leading = [one for one in self._replicas if await one.leads(self._session)]
            except aiohttp.ClientError:
                ready, leading = [], []
            if all(ready) and len(leading) == 1:
                return leading[0]
            await asyncio.sleep(0.1)
        raise FailedError("no replica came to lead in time")

    async def _start(self) -> None:
        port = processes.free_port()
        arguments = ("operator", "--kubeconfig", self._plane.operator, "--port", str(port))
        child = await self._stack.enter_async_context(
            processes.child(
                "vipa", *arguments, "--allowed-cidr", ALLOWED, env={VARIABLE: self._standin}
            )
        )
        self._replicas.append(Replica(child, port))
