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
from scene import NAMESPACE, ROOT, Operator, Scene

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

    def __init__(self, scene: Scene, operator: Operator, kubeconfig: str) -> None:
        self._scene = scene
        self._operator = operator
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
            "node n1 falls silent: its VIPAs spread, each by its own chain",
            lambda: stage.node("n1", "Unknown"),
            **away,
        )
        await self.tell("node n1 is back", lambda: stage.node("n1", "True"), **home)
        moved = {**home, "db": "sysc"}
        await self.tell("planned: vipa move db --to sysc", self._move, **moved)
        await self.tell("the operator is killed (SIGKILL) and started again", self._kill, **moved)
        after = {"web": "sysb", "db": "sysc", "mq": "sysc"}
        await self.tell("and it still watches: sysa fails", lambda: scene.fail("sysa"), **after)
        await self.tell("sysa returns", lambda: scene.recover("sysa"), **moved)

    async def _move(self) -> None:
        command = [sys.executable, "-m", "vipa", "move", "db", "--to", "sysc", "-n", NAMESPACE]
        command += ["--kubeconfig", self._kubeconfig]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Broken(f"vipa move: {done.stderr.strip()}")

    async def _kill(self) -> None:
        """Long enough for anything that wanted to move to do so."""
        self._operator.end(9)
        await asyncio.sleep(CALM_S)
        self._operator.start()
        await asyncio.sleep(2 * CALM_S)

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
