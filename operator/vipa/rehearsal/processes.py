"""The operator and commands as processes of their own: started, ready, killed, with their logs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

# What `vipa operator` and `vipa move` import on their way; loaded once, before the first fork.
MODULES = (
    "vipa.cli.main",
    "vipa.cli.cluster",
    "vipa.shell.app",
    "kubernetes.aio.client",
    "kubernetes.aio.config",
)
READY_WITHIN_S = 30.0
ENDED_WITHIN_S = 10.0
POLL_S = 0.01


class ProcessError(Exception):
    """A process did not start, or ended unasked; the message holds the end of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Forks:
    """Our end of a fork server."""

    def __init__(self) -> None:
        self._server: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        command = [sys.executable, "-m", "vipa.rehearsal.forkserver", *MODULES]
        pipe = asyncio.subprocess.PIPE
        self._server = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        self._reader = asyncio.create_task(self._read(self._server))

    async def close(self) -> None:
        if self._server is not None and self._server.stdin is not None:
            self._server.stdin.close()
            await self._server.wait()
        if self._reader is not None:
            await self._reader

    async def start(self, arguments: list[str], log: str) -> int:
        """The pid of `vipa ARGUMENTS`."""
        assert self._server is not None
        assert self._server.stdin is not None
        async with self._lock:
            message = json.dumps({"arguments": arguments, "log": log})
            self._server.stdin.write(message.encode() + b"\n")
            pid = await asyncio.wait_for(self._started.get(), READY_WITHIN_S)
        return pid

    def end_of(self, pid: int) -> asyncio.Future[int]:
        """Its exit code, once it has one."""
        return self._ended.setdefault(pid, asyncio.get_running_loop().create_future())

    async def _read(self, server: asyncio.subprocess.Process) -> None:
        assert server.stdout is not None
        async for line in server.stdout:
            message: Mapping[str, Any] = json.loads(line)
            if "pid" in message:
                self._ended.pop(message["pid"], None)
                self.end_of(message["pid"])
                self._started.put_nowait(message["pid"])
            elif "ended" in message:
                future = self.end_of(message["ended"])
                if not future.done():
                    future.set_result(message["code"])


class Operator:
    """The real operator. `kill` is a loss of power; `start` returns when it has listed all."""

    def __init__(self, forks: Forks, place: list[str], allowed: tuple[str, ...]) -> None:
        self._forks = forks
        self._arguments = ["operator", *place, "--host", "127.0.0.1"]
        for cidr in allowed:
            self._arguments += ["--allowed-cidr", cidr]
        self._http: aiohttp.ClientSession | None = None
        self._log = _new_log()
        self._pid = 0

    @property
    def running(self) -> bool:
        return bool(self._pid) and not self._forks.end_of(self._pid).done()

    async def start(self) -> None:
        """Raises ProcessError."""
        port = free_port()
        self._pid = await self._forks.start([*self._arguments, "--port", str(port)], self._log)
        deadline = time.monotonic() + READY_WITHIN_S
        while not await self._ready(port):
            if not self.running or time.monotonic() > deadline:
                raise ProcessError(f"the operator did not become ready:\n{self.log()[-2000:]}")
            await asyncio.sleep(POLL_S)

    async def _ready(self, port: int) -> bool:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))
        try:
            async with self._http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def kill(self) -> None:
        if self.running:
            os.kill(self._pid, signal.SIGKILL)
            await asyncio.wait_for(self._forks.end_of(self._pid), ENDED_WITHIN_S)
        self._pid = 0

    def freeze(self) -> None:
        """It runs no further, and its streams go on arriving, until `thaw`."""
        if self.running:
            os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.running:
            os.kill(self._pid, signal.SIGCONT)

    def check(self) -> None:
        """Raises ProcessError if it ended unasked."""
        if not self.running:
            raise ProcessError(f"the operator ended by itself:\n{self.log()[-2000:]}")

    def log(self) -> str:
        return _read(self._log)

    def forget_log(self) -> None:
        os.truncate(self._log, 0)

    async def close(self) -> None:
        await self.kill()
        if self._http is not None:
            await self._http.close()
        os.unlink(self._log)


async def command(forks: Forks, arguments: list[str], within_s: float) -> tuple[int, str]:
    """Run `vipa ARGUMENTS`: exit code and everything that it printed."""
    log = _new_log()
    try:
        pid = await forks.start(arguments, log)
        try:
            code = await asyncio.wait_for(asyncio.shield(forks.end_of(pid)), within_s)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            code = await forks.end_of(pid)
        return code, _read(log).strip()
    finally:
        os.unlink(log)


def _new_log() -> str:
    handle, path = tempfile.mkstemp(prefix="vipa-rehearsal-", suffix=".log")
    os.close(handle)
    return path


def _read(path: str) -> str:
    return Path(path).read_text(errors="replace")
