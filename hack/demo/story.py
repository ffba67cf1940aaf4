"""The story of the demo: failures on one side, what the sysplex makes of them on the other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from scene import NAMESPACE, ROOT, Replicas, Scene

WITHIN_S = 15.0
CALM_S = 1.0


class Move(NamedTuple):
    vipa: str
    source: str
    to: str
    cause: str
    milliseconds: float | None


class Broken(Exception):
    """The sysplex did not do what the story says."""


class Story:
    """Tells each step, waits for what must follow, and collects the moves."""

    def __init__(self, scene: Scene, replicas: Replicas, kubeconfig: str) -> None:
        self._scene = scene
        self._replicas = replicas
        self._kubeconfig = kubeconfig
        self._console = Console(highlight=False)
        self._began = time.monotonic()
        self._epochs: dict[str, int] = {}
        self.moves: list[Move] = []

    def say(self, text: str, style: str = "") -> None:
        self._console.print(f"{time.monotonic() - self._began:5.1f} s  {text}", style=style)

    async def tell(self, text: str, act: Callable[[], Awaitable[object]], **owners: str) -> None:
        """One step: say it, do it, and wait until every VIPA has the owner that it should."""
        self.say(text, "bold")
        await act()
        deadline = time.monotonic() + WITHIN_S
        while True:
            vipas = await self._scene.vipas()
            found = {name: _owner(vipa) for name, vipa in vipas.items()}
            if found == owners and all(map(_told, vipas.values())):
                break
            if time.monotonic() > deadline:
                raise Broken(f"expected {owners}, but the owners are {found}")
            await asyncio.sleep(0.02)
        self._collect(vipas)

    def _collect(self, vipas: dict[str, dict[str, Any]]) -> None:
        moved = False
        for name, vipa in sorted(vipas.items()):
            status, last = vipa["status"], vipa["status"].get("lastMove") or {}
            if status.get("epoch") == self._epochs.get(name) or not last:
                continue
            self._epochs[name] = status["epoch"]
            seconds = last.get("seconds")
            took = None if seconds is None else seconds * 1000
            move = Move(name, last.get("from") or "-", last["to"], last["reason"], took)
            self.moves.append(move)
            moved = True
            shown = "" if took is None else f" in {took:.0f} ms"
            self.say(f"  {name}: {move.source} -> {move.to}  {move.cause}{shown}", "green")
        if not moved:
            self.say("  nothing moved", "green")

    async def run(self) -> None:
        """The whole story. Raises Broken."""
        scene, stage = self._scene, self._scene
        home = {"web": "sysa", "db": "sysb", "mq": "sysa"}
        away = {"web": "sysb", "db": "sysb", "mq": "sysc"}
        await self.tell("three stacks are up; each VIPA goes to its primary", _nothing, **home)
        await self.tell("stack sysa fails its readiness", lambda: scene.fail("sysa"), **away)
        await self.tell("sysa returns and takes back", lambda: scene.recover("sysa"), **home)
        await self.tell(
            "node n1 is called Unknown: its VIPAs spread, each by its own chain",
            lambda: stage.node("n1", "Unknown"),
            **away,
        )
        await self.tell("node n1 is back", lambda: stage.node("n1", "True"), **home)
        await self._silent_node(home)
        moved = {**home, "db": "sysc"}
        await self.tell("planned: vipa move db --to sysc", self._move, **moved)
        after = {"web": "sysb", "db": "sysc", "mq": "sysc"}
        await self.tell(
            "the leading operator is killed (SIGKILL) while sysa fails", self._kill, **after
        )
        await self.tell("sysa returns; the other operator leads", self._recover, **moved)
        text = "both operators are killed (SIGKILL) and started again"
        await self.tell(text, self._kill_both, **moved)

    async def _silent_node(self, home: dict[str, str]) -> None:
        """No word from it: Kubernetes would call it Ready for 50 s more."""

        async def silence() -> None:
            self._scene.silence("n1")

        async def speak() -> None:
            self._scene.silence()

        text = "node n1 falls silent, its pods still say Ready: the monitor finds it"
        await self.tell(text, silence, web="sysb", db="sysb", mq="sysc")
        await self.tell("node n1 answers again", speak, **home)

    async def _move(self) -> None:
        command = [sys.executable, "-m", "vipa", "move", "db", "--to", "sysc", "-n", NAMESPACE]
        command += ["--kubeconfig", self._kubeconfig]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Broken(f"vipa move: {done.stderr.strip()}")

    async def _kill(self) -> None:
        leader = await self._replicas.leader()
        leader.end(9)
        await self._scene.fail("sysa")
        leader.start()

    async def _kill_both(self) -> None:
        """Until one of them leads again and has had the time to move whatever it wanted to."""
        self._replicas.end(9)
        self._replicas.start()
        await self._replicas.leader()
        await asyncio.sleep(CALM_S)

    async def _recover(self) -> None:
        await self._replicas.leader()
        await self._scene.recover("sysa")

    def table(self) -> None:
        table = Table(title="Moves", box=None, header_style="bold", title_justify="left")
        for column in ("VIPA", "FROM", "TO", "CAUSE"):
            table.add_column(column)
        table.add_column("SEEN TO COMMITTED, ms", justify="right")
        for move in self.moves:
            took = "-" if move.milliseconds is None else f"{move.milliseconds:.1f}"
            table.add_row(move.vipa, move.source, move.to, move.cause, took)
        self._console.print()
        self._console.print(table)


async def _nothing() -> None:
    return None


def _owner(vipa: dict[str, Any]) -> str:
    return str(((vipa.get("status") or {}).get("owner") or {}).get("stack") or "")


def _told(vipa: dict[str, Any]) -> bool:
    """The status shows the move with its time, not only the owner."""
    last = (vipa.get("status") or {}).get("lastMove") or {}
    return last.get("to") == _owner(vipa)
