"""The operator and commands as processes of their own: started, ready, killed, with their logs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

# What `vipa operator` and `vipa move` import on their way; loaded once, before the first fork.
MODULES = (
    "vipa.cli.main",
    "vipa.cli.cluster",
    "vipa.shell.app",
    "kubernetes.aio.client",
    "kubernetes.aio.config",
)
IMPORTED_WITHIN_S = 120.0
READY_WITHIN_S = 30.0
ENDED_WITHIN_S = 10.0
POLL_S = 0.01
TAIL = 2000
# What an operator answers when it has listed everything, and when it is the one that writes.
READY = ("/readyz", b"ok")
LEADS = ("/metrics", b"\nsysplex_leader 1.0\n")


class ProcessError(Exception):
    """Something did not start; the message says why, with the end of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One fork, from the wish for it to its exit code."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.pid: asyncio.Future[int] = loop.create_future()
        self.code: asyncio.Future[int] = loop.create_future()

    @property
    def running(self) -> bool:
        return not self.code.done()

    def lost(self) -> None:
        """The fork server is gone, and with it whatever it had started."""
        for future, value in ((self.pid, 0), (self.code, -signal.SIGKILL)):
            if not future.done():
                future.set_result(value)

    async def kill(self) -> int:
        """Its exit code; when this returns it is gone."""
        pid = await self.pid
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return await asyncio.wait_for(asyncio.shield(self.code), ENDED_WITHIN_S)


class Forks:
    """Our end of a fork server."""

    def __init__(self) -> None:
        self._server: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._processes: list[Process] = []

    async def open(self, **environment: str) -> None:
        """Returns when everything has been imported. Raises ProcessError.

        `environment`: what is added to it for everything that is started.
        """
        command = [sys.executable, "-m", "vipa.rehearsal.forkserver", *MODULES]
        pipe = asyncio.subprocess.PIPE
        self._server = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env={**os.environ, **environment}
        )
        assert self._server.stdout is not None
        first = await asyncio.wait_for(self._server.stdout.readline(), IMPORTED_WITHIN_S)
        if not first:
            raise ProcessError("the fork server ended: what it imports cannot be imported")
        self._reader = asyncio.create_task(self._read(self._server.stdout))

    async def close(self) -> None:
        """Everything that was started is killed."""
        if self._server is not None and self._server.stdin is not None:
            self._server.stdin.close()
            await self._server.wait()
        if self._reader is not None:
            await self._reader

    def start(self, arguments: list[str], log: str) -> Process:
        """`vipa ARGUMENTS`; what it prints goes to the end of the log."""
        assert self._server is not None
        assert self._server.stdin is not None
        found = Process()
        message = {"id": len(self._processes), "arguments": arguments, "log": log}
        self._processes.append(found)
        self._server.stdin.write(json.dumps(message).encode() + b"\n")
        return found

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            message: Mapping[str, int] = json.loads(line)
            process = self._processes[message["id"]]
            if "pid" in message:
                process.pid.set_result(message["pid"])
            else:
                process.code.set_result(message["code"])
        for process in self._processes:
            process.lost()


class Operator:
    """The real operator. `kill` is a loss of power; `start` returns when it has listed all and
    holds the Lease."""

    def __init__(self, forks: Forks, place: list[str], allowed: tuple[str, ...]) -> None:
        self._forks = forks
        self._arguments = ["operator", *place, "--host", "127.0.0.1"]
        for cidr in allowed:
            self._arguments += ["--allowed-cidr", cidr]
        self._http: aiohttp.ClientSession | None = None
        self._log = _new_log()
        self._process: Process | None = None
        # Of this engine alone. It is started again only when the former one is dead, whose Lease
        # need not run out then.
        self._identity = _new_identity()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid.result()

    async def start(self, *, sees: bool = True) -> None:
        """Raises ProcessError. One that does not see the API server is not waited for."""
        port = self._spawn()
        if sees:
            await self._until(port, LEADS)

    async def give_way(self, *, sees: bool = True) -> None:
        """Another replica stands by, and the leader is killed: the Lease has to run out."""
        former, self._identity = self._process, _new_identity()
        port = self._spawn()
        if sees:
            await self._until(port, READY)
        if former is not None:
            await former.kill()
        if sees:
            await self._until(port, LEADS)

    def _spawn(self) -> int:
        port = free_port()
        arguments = [*self._arguments, "--identity", self._identity, "--port", str(port)]
        self._process = self._forks.start(arguments, self._log)
        return port

    async def _until(self, port: int, sign: tuple[str, bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not await self._says(port, *sign):
            if not self.running or time.monotonic() > deadline:
                raise ProcessError(f"the operator did not become ready:\n{self.log()[-TAIL:]}")
            await asyncio.sleep(POLL_S)

    async def _says(self, port: int, path: str, text: bytes) -> bool:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))
        try:
            async with self._http.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status == 200 and text in await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def kill(self) -> None:
        if self._process is not None:
            await self._process.kill()
        self._process = None

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
        process = forks.start(arguments, log)
        try:
            code = await asyncio.wait_for(asyncio.shield(process.code), within_s)
        except TimeoutError:
            code = await process.kill()
        return code, _read(log).strip()
    finally:
        os.unlink(log)


def _new_identity() -> str:
    return f"rehearsal-{secrets.token_hex(4)}"


def _new_log() -> str:
    handle, path = tempfile.mkstemp(prefix="vipa-rehearsal-", suffix=".log")
    os.close(handle)
    return path


def _read(path: str) -> str:
    return Path(path).read_text(errors="replace")
