"""The nodes and the network of the demo, a process: heartbeats, and answers for pods without any.

It lives on where the demo is kept. Which nodes are silent stands in a file, so that a hand on the
keyboard can say so.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from vipa.k8s import access, names
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal.stage import Stage
from vipa.rehearsal.standin import Standin

BEAT_S = 1.0


class Heart:
    """`silent`: a file with the names of the nodes that neither send nor answer."""

    def __init__(self, client: Client, silent: Path) -> None:
        self._client = client
        self._stage = Stage(client)
        self._silent = silent
        self._places: dict[str, str] = {}

    def answers(self, ip: str) -> bool:
        return self._places.get(ip, "") not in self._silenced()

    def _silenced(self) -> set[str]:
        try:
            return set(self._silent.read_text().split())
        except FileNotFoundError:
            return set()

    async def beat(self) -> None:
        """What the kubelets of the nodes that report would send; and who is where."""
        pods = await self._items("Pod")
        self._places = {
            ip: pod["spec"].get("nodeName", "")
            for pod in pods
            if (ip := (pod.get("status") or {}).get("podIP"))
        }
        for node in await self._items("Node"):
            name = node["metadata"]["name"]
            ready = [c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"]
            if ready == ["True"] and name not in self._silenced():
                await self._stage.renew(name)

    async def _items(self, kind: str) -> list[dict[str, Any]]:
        body = await self._client.request("GET", names.path(kind))
        found: list[dict[str, Any]] = body["items"]
        return found


async def live(kubeconfig: str, port: int, silent: Path) -> None:
    """Until ended."""
    client, standin = Client(await access.from_kubeconfig(kubeconfig)), Standin()
    heart = Heart(client, silent)
    standin.answers = heart.answers
    await standin.open(port)
    try:
        while True:
            try:
                await heart.beat()
            except ApiError as error:
                if not error.unreachable:
                    raise
            await asyncio.sleep(BEAT_S)
    finally:
        await standin.close()
        await client.close()
