"""What the demo stands on: an embedded control plane, the operator, nodes and pods."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from vipa.k8s import access, names
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal.stage import Stage
from vipa.rehearsal.standin import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "demo"
PLANE = "demo"
NAMESPACE = "default"
ALLOWED = "198.51.100.0/24"
PORT = 18480
STANDIN = 18490
SILENT = HOME / "silent"
LEADS_WITHIN_S = 20.0
STACKS = {"sysa": "n1", "sysb": "n2", "sysc": "n3"}
ZONES = {"n1": "zone-a", "n2": "zone-a", "n3": "zone-b"}


def plane(*arguments: str) -> str:
    """Run hack/controlplane; the last line that it prints."""
    command = [sys.executable, str(ROOT / "hack" / "controlplane"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"controlplane {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


class Replica:
    """`vipa operator` as a process, with the account that it has in a cluster."""

    def __init__(self, kubeconfig: str, number: int) -> None:
        self.number = number
        self._kubeconfig = kubeconfig
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "vipa", "operator", "--kubeconfig", self._kubeconfig]
        command += ["--allowed-cidr", ALLOWED, "--host", "127.0.0.1"]
        command += ["--port", str(PORT + self.number)]
        log = HOME / f"operator-{self.number}.log"
        self._process = launch(command, log, {VARIABLE: f"127.0.0.1:{STANDIN}"})
        (HOME / f"operator-{self.number}.pid").write_text(str(self._process.pid))

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(15)
            self._process = None

    def shows(self, path: str, text: str) -> bool:
        """Whether its endpoint answers, and with this text."""
        url = f"http://127.0.0.1:{PORT + self.number}{path}"
        try:
            with urllib.request.urlopen(url, timeout=1) as reply:
                return text in reply.read().decode()
        except OSError:
            return False


class Replicas:
    """Two of them: one writes, the other one is hot."""

    def __init__(self, kubeconfig: str) -> None:
        self._all = [Replica(kubeconfig, number) for number in range(2)]

    def start(self) -> None:
        for one in self._all:
            one.start()

    async def leader(self) -> Replica:
        """Whoever writes, once the other one is ready to. Raises TimeoutError."""
        async with asyncio.timeout(LEADS_WITHIN_S):
            while True:
                leads = [one for one in self._all if one.shows("/metrics", "sysplex_leader 1.0")]
                if len(leads) == 1 and all(one.shows("/readyz", "") for one in self._all):
                    return leads[0]
                await asyncio.sleep(0.1)

    def end(self, number: int = signal.SIGTERM) -> None:
        for one in self._all:
            one.end(number)


def launch(command: list[str], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C is ours alone to hear."""
    HOME.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as said:
        return subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            cwd=ROOT,
            env={**os.environ, **env},
            start_new_session=True,
        )


def start_heart(kubeconfig: str) -> None:
    """Nodes that beat and pods that answer, until `end_detached`."""
    command = [sys.executable, str(Path(__file__).parent), "--heart", kubeconfig]
    process = launch(command, HOME / "heart.log", {})
    (HOME / "heart.pid").write_text(str(process.pid))


class Scene:
    """Client and stage; to be closed."""

    def __init__(self, client: Client, stage: Stage) -> None:
        self.client = client
        self.stage = stage

    @classmethod
    async def open(cls, kubeconfig: str) -> Scene:
        client = Client(await access.from_kubeconfig(kubeconfig))
        return cls(client, Stage(client))

    async def close(self) -> None:
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

    async def joined(self) -> None:
        """Return when every stack is Active. Raises TimeoutError."""
        async with asyncio.timeout(LEADS_WITHIN_S):
            while True:
                with contextlib.suppress(ApiError):  # the kind is a moment old
                    body = await self.client.request("GET", names.path("Stack", NAMESPACE))
                    phases = [(one.get("status") or {}).get("phase") for one in body["items"]]
                    if phases == ["Active"] * len(STACKS):
                        return
                await asyncio.sleep(0.05)

    async def vipas(self) -> dict[str, dict[str, Any]]:
        body = await self.client.request("GET", names.path("VIPA", NAMESPACE))
        return {item["metadata"]["name"]: item for item in body["items"]}

    async def fail(self, stack: str) -> None:
        await self.stage.pod_status(NAMESPACE, stack, ready=False)

    async def recover(self, stack: str) -> None:
        await self.stage.pod_status(NAMESPACE, stack, ready=True)

    async def node(self, name: str, status: str) -> None:
        await self.stage.node_ready(name, status)

    @staticmethod
    def silence(*nodes: str) -> None:
        """These nodes, and no others, neither send heartbeats nor answer for their pods."""
        SILENT.write_text(" ".join(nodes))


def end_detached() -> None:
    """End what `--keep` left running."""
    for name in ("operator-0", "operator-1", "heart"):
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
