"""What falls silent: nodes of one stack each, whose VIPA has its backups on nodes that live."""

from __future__ import annotations

import asyncio
from typing import Any

from hack.bench.processes import Plane
from hack.bench.watching import Api, connect

from vipa.k8s import access, names
from vipa.k8s.client import Client
from vipa.rehearsal.stage import Stage
from vipa.rehearsal.standin import Standin

NAMESPACE = "silence"
LIVE = ("live-0", "live-1")
PORT = 8080


def victim(number: int) -> str:
    return f"s{number}"


class Sights:
    """When which record named which owner, and which stock endpoint lost its readiness.

    Moments are those of time.perf_counter, at the arrival of the line.
    """

    def __init__(self) -> None:
        self.owners: dict[str, tuple[float, str]] = {}
        self.unready: dict[str, float] = {}
        self._news = asyncio.Event()

    async def watch(self, api: Api) -> None:
        async for at, type_, raw in api.follow(names.path("EndpointSlice", NAMESPACE)):
            if type_ in ("LISTED", "ADDED", "MODIFIED"):
                self._learn(at, raw)

    def _learn(self, at: float, raw: dict[str, Any]) -> None:
        meta = raw["metadata"]
        notes, labels = meta.get("annotations") or {}, meta.get("labels") or {}
        if names.OWNER in notes:
            vipa = meta["name"].removesuffix(names.RECORD_SUFFIX)
            if self.owners.get(vipa, (0.0, ""))[1] != notes[names.OWNER]:
                self.owners[vipa] = at, notes[names.OWNER]
        else:
            service = labels.get(names.SERVICE_NAME, "")
            first: dict[str, Any] = next(iter(raw.get("endpoints") or ()), {})
            if (first.get("conditions") or {}).get("ready", True):
                self.unready.pop(service, None)
            else:
                self.unready.setdefault(service, at)
        self._news.set()

    async def owner(self, vipa: str, stacks: tuple[str, ...], within_s: float) -> float:
        """When one of these stacks came to own it. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                at, owner = self.owners.get(vipa, (0.0, ""))
                if owner in stacks:
                    return at
                await self._next()

    async def lost(self, service: str, within_s: float) -> float:
        """When its stock endpoint was not ready any more. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while service not in self.unready:
                await self._next()
        return self.unready[service]

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


class Silence:
    """The cluster of the measurement, with a watcher of its own."""

    def __init__(self, client: Client, api: Api, standin: Standin) -> None:
        self._client = client
        self._api = api
        self._stage = Stage(client)
        self._ips: dict[str, str] = {}
        self._silent: set[str] = set()
        self.sights = Sights()
        standin.answers = lambda ip: ip not in self._silent
        self._watching: asyncio.Task[None] | None = None

    async def found(self, victims: int) -> None:
        """Nodes, stacks, VIPAs, and a stock Service for each pod that is to fall silent."""
        self._watching = asyncio.create_task(self.sights.watch(self._api))
        await self._stage.open()
        await self._post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        spec = {"monitor": {"probe": {"tcp": {"port": PORT}}}}
        await self._make("Sysplex", {"metadata": {"name": "silence"}, "spec": spec})
        for name in LIVE:
            await self._stack(name, f"node-{name}")
        for number in range(victims):
            await self._victim(number)

    async def _victim(self, number: int) -> None:
        name = victim(number)
        await self._stack(name, f"node-{name}")
        ports = [{"name": "app", "port": 80}]
        service = {"selector": {names.STACK: name}, "ports": ports}
        await self._post(
            names.path("Service", NAMESPACE),
            {"metadata": {"name": f"stock-{name}"}, "spec": service},
        )
        backups = [{"stack": one, "rank": 200 - place} for place, one in enumerate(LIVE)]
        vipa = {
            "sysplex": "silence",
            "address": f"198.18.0.{number + 1}",
            "primary": name,
            "backups": backups,
            "ports": [{"name": "app", "port": 80, "targetPort": PORT}],
        }
        await self._make("VIPA", {"metadata": {"name": name}, "spec": vipa})

    async def _stack(self, name: str, node: str) -> None:
        await self._stage.node(node)
        labels = {names.SYSPLEX: "silence", names.STACK: name}
        await self._stage.pod(NAMESPACE, name, node, labels)
        pod = await self._client.request("GET", names.path("Pod", NAMESPACE, name))
        self._ips[name] = pod["status"]["podIP"]

    def fall_silent(self, name: str) -> None:
        """No heartbeat of the node, no answer of its pod; the pod goes on saying Ready."""
        self._silent.add(self._ips[name])
        self._stage.forget_node(f"node-{name}")

    async def ready(self, name: str, *, value: bool) -> None:
        await self._stage.pod_status(NAMESPACE, name, ready=value)

    async def _make(self, kind: str, body: dict[str, Any]) -> None:
        path = names.path(kind, NAMESPACE)
        await self._post(path, {"apiVersion": names.API_VERSION, "kind": kind, **body})

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        await self._client.request("POST", path, body)

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._stage.close()
        await self._api.session.close()
        await self._client.close()


async def put_up(plane: Plane, standin: Standin, victims: int) -> Silence:
    silence = Silence(Client(await access.find(plane.admin)), await connect(plane.admin), standin)
    await silence.found(victims)
    return silence
