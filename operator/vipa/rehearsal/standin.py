"""Answers for pods that have no network.

The pods of a control plane without kubelets are objects with addresses that lead nowhere. The
operator opens its probes through a proxy instead (CONNECT), which is here: a pod that hears is
connected and says 200 to whatever it is asked, a deaf one is never answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

# Where the operator looks for the proxy.
VARIABLE = "SYSPLEX_PROBE_PROXY"
HERE = "127.0.0.1"
LIMIT = 1 << 14
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Standin:
    """`answers` is asked by address. `heard`, `unheard`: by address, when it was last answered for,
    and since when it has not been."""

    def __init__(self) -> None:
        self.answers: Callable[[str], bool] = lambda ip: False
        self.heard: dict[str, float] = {}
        self.unheard: dict[str, float] = {}
        self._server: asyncio.Server | None = None
        self._work: set[asyncio.Task[None]] = set()

    async def open(self, port: int = 0) -> str:
        """HOST:PORT; port 0 is any that is free."""
        self._server = await asyncio.start_server(self._connected, HERE, port, limit=LIMIT)
        return f"{HERE}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._work:
                task.cancel()
            await asyncio.gather(*self._work, return_exceptions=True)
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._work.add(task)
        try:
            with contextlib.suppress(
                OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                await self._answer(reader, writer)
        finally:
            self._work.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        ip = _asked(head)
        if not ip or not self.answers(ip):
            self.unheard.setdefault(ip, time.monotonic())
            await reader.read()  # until whoever asked gives up
            return
        self.heard[ip] = time.monotonic()
        self.unheard.pop(ip, None)
        writer.write(CONNECTED)
        await writer.drain()
        if await reader.read(LIMIT):
            writer.write(ANSWER)
            writer.write_eof()
            await reader.read()


def _asked(head: bytes) -> str:
    """The address in `CONNECT ADDRESS:PORT HTTP/1.1`; empty for anything else."""
    words = head.split(None, 2)
    if len(words) < 3 or words[0] != b"CONNECT":
        return ""
    return words[1].decode(errors="replace").rpartition(":")[0].strip("[]")
