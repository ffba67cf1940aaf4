"""The control plane and the processes of a repetition; each ends with the block that it serves."""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "bench"
TOOL = str(ROOT / "hack" / "controlplane")
# The nodes of the benchmark send no heartbeats: nothing but the measured changes may happen.
NO_HEARTBEATS = "--kcm-flag=--node-monitor-grace-period=1h"
GRACE_S = 10.0
IDLE_SHARE = 0.05


class FailedError(Exception):
    """The measurement could not be made."""


class Plane(NamedTuple):
    """A control plane and how to reach it as administrator and as the operator."""

    name: str
    admin: str
    operator: str


@asynccontextmanager
async def control_plane(keep: bool, *flags: str) -> AsyncIterator[Plane]:
    """A new one, with these flags; `keep`: it stays when we are done."""
    name = f"bench-{secrets.token_hex(3)}"
    try:
        admin = await _tool("up", name, *flags)
        yield Plane(name, admin, await _tool("install", name))
    finally:
        if not keep:
            _down(name)


def _down(name: str) -> None:
    """Blocks: it has to happen also when the task is cancelled once more."""
    subprocess.run([TOOL, "down", name], check=False)


async def _tool(*arguments: str) -> str:
    """The last line that hack/controlplane prints."""
    tool = await asyncio.create_subprocess_exec(
        TOOL, *arguments, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        output, _ = await tool.communicate()
    except asyncio.CancelledError:
        tool.terminate()
        await tool.wait()
        raise
    if tool.returncode:
        raise FailedError(f"hack/controlplane {' '.join(arguments)} failed")
    return output.decode().strip().splitlines()[-1]


class Child:
    """A Python module as a process of its own, out of reach of Ctrl-C: we end it, in order."""

    def __init__(self, process: asyncio.subprocess.Process, module: str, log: Path) -> None:
        self._process = process
        self.name = module.rpartition(".")[2]
        self.log = log

    @property
    def output(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    def check(self) -> None:
        if self._process.returncode is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise FailedError(f"the {self.name} process ended by itself, see {self.log}:\n{tail}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Not given any processor time meanwhile; what is sent to it waits in its sockets."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def ran(self) -> float:
        """Seconds of processor time of its main thread, where its event loop is."""
        return int(self._proc("schedstat").split()[0]) / 1e9

    def sleeps(self) -> bool:
        """Whether it waits for something else than a processor."""
        return self._proc("stat").rpartition(")")[2].split()[0] == "S"

    def _proc(self, name: str) -> str:
        return (Path("/proc") / str(self._process.pid) / name).read_text()

    async def calm(self, for_s: float, at_most_s: float) -> None:
        """Return when it has had next to nothing to do for so long, or after the other time."""
        deadline = time.perf_counter() + at_most_s
        before, since = -math.inf, 0.0
        while (now := time.perf_counter()) < deadline:
            ran = self.ran()
            if not self.sleeps() or not ran - before <= IDLE_SHARE * for_s:
                before, since = ran, now
            elif now - since >= for_s:
                return
            await asyncio.sleep(for_s / 5)

    async def end(self) -> None:
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                await self._process.wait()
        except (TimeoutError, asyncio.CancelledError):
            self.send(signal.SIGKILL)
            raise

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


@asynccontextmanager
async def child(
    module: str, *arguments: str, heard: bool = False, env: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """`heard`: its standard output is read by us, else it goes into its log."""
    log = FOLDER / "logs" / f"{module.rpartition('.')[2]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, *arguments]
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if heard else errors,
            stderr=errors,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            start_new_session=True,
        )
    made = Child(process, module, log)
    try:
        yield made
    finally:
        await made.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
