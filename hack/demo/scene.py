"""What the demo stands on: an embedded control plane, the operator, nodes and pods."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from vipa.k8s import access, names
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "demo"
PLANE = "demo"
NAMESPACE = "default"
ALLOWED = "198.51.100.0/24"
PORT = 18480
STACKS = {"sysa": "n1", "sysb": "n2", "sysc": "n3"}
ZONES = {"n1": "zone-a", "n2": "zone-a", "n3": "zone-b"}


def plane(*arguments: str) -> str:
    """Run hack/controlplane; the last line that it prints."""
    command = [sys.executable, str(ROOT / "hack" / "controlplane"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"controlplane {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


class Operator:
    """`vipa operator` as a process, with the account that it has in a cluster."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        HOME.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "vipa", "operator", "--kubeconfig", self._kubeconfig]
        command += ["--allowed-cidr", ALLOWED, "--host", "127.0.0.1", "--port", str(PORT)]
        with (HOME / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )
        (HOME / "operator.pid").write_text(str(self._process.pid))

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(15)
            self._process = None


class Scene:
    """Client and stage; to be closed."""

    def __init__(self, client: Client, stage: Stage) -> None:
        self.client = client
        self.stage = stage

    @classmethod
    async def open(cls, kubeconfig: str) -> Scene:
        client = Client(await access.from_kubeconfig(kubeconfig))
        stage = Stage(client)
        await stage.open()
        return cls(client, stage)

    async def close(self) -> None:
        await self.stage.close()
        await self.client.close()

    async def put_up(self) -> None:
        """Three stacks on three nodes in two zones."""
        await asyncio.gather(*(self.stage.node(node, zone) for node, zone in ZONES.items()))
        await asyncio.gather(
            *(
                self.stage.pod(NAMESPACE, stack, node, {names.SYSPLEX: "plex1"})
                for stack, node in STACKS.items()
            )
        )

    async def vipas(self) -> dict[str, dict[str, Any]]:
        body = await self.client.request("GET", names.path("VIPA", NAMESPACE))
        return {item["metadata"]["name"]: item for item in body["items"]}

    async def fail(self, stack: str) -> None:
        await self.stage.pod_status(NAMESPACE, stack, ready=False)

    async def recover(self, stack: str) -> None:
        await self.stage.pod_status(NAMESPACE, stack, ready=True)

    async def node(self, name: str, status: str) -> None:
        await self.stage.node_ready(name, status)


async def keep_alive(kubeconfig: str) -> None:
    """Heartbeats for the nodes that report, until ended: what their kubelets would send."""
    scene = await Scene.open(kubeconfig)
    try:
        while True:
            try:
                await _beat(scene)
            except ApiError as error:
                if not error.unreachable:
                    raise
            await asyncio.sleep(3)
    finally:
        await scene.close()


async def _beat(scene: Scene) -> None:
    body = await scene.client.request("GET", names.path("Node"))
    for item in body["items"]:
        ready = [c["status"] for c in item["status"]["conditions"] if c["type"] == "Ready"]
        if ready == ["True"]:
            await scene.stage.renew(item["metadata"]["name"])


def detach(*arguments: str) -> None:
    """Start this program again, to live on when we are gone."""
    with (HOME / "heart.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent), *arguments],
            stdout=log,
            stderr=log,
            cwd=ROOT,
            start_new_session=True,
        )
    (HOME / "heart.pid").write_text(str(process.pid))


def end_detached() -> None:
    """End what `--keep` left running."""
    for name in ("operator", "heart"):
        path = HOME / f"{name}.pid"
        if path.exists():
            pid = int(path.read_text())
            if _is_ours(pid):
                os.kill(pid, signal.SIGTERM)
                _await_end(pid)
            path.unlink()


def _is_ours(pid: int) -> bool:
    """A pid may have been given to somebody else since."""
    shown = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "vipa operator" in shown.stdout or "hack/demo" in shown.stdout


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _is_ours(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
