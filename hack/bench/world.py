"""What is measured, put up on the control plane: VIPAs, stock Services, records of the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from hack.bench import floor, records

from vipa.k8s import encode, names
from vipa.k8s.client import Client
from vipa.rehearsal.stage import Stage

NAMESPACE = "bench"
ALLOWED = "198.18.0.0/15"
NODES = 4
BACKUPS = 10
STOCK_AT_MOST = 50
AT_ONCE = 16
STOCK_LABEL = "bench-stock"
PRIMARY_RANK = 200


def stack(number: int) -> str:
    return f"p{number:04}"


def vipa(number: int) -> str:
    return f"v{number:04}"


def floor_pod(number: int) -> str:
    return f"f{number:04}"


def has_stock(number: int) -> bool:
    """Every other one of the first: such a pod is also the endpoint of a stock Service."""
    return number % 2 == 0 and number < 2 * STOCK_AT_MOST


class World:
    """Grows to a size, and keeps what it has."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stage = Stage(client)
        self._size = 0
        self._floor_backup: dict[str, Any] = {}
        self._keeper: dict[str, Any] = {}

    async def found(self) -> None:
        """What there is one of: nodes, namespaces, the group and its backups."""
        for number in range(NODES):
            await self._stage.node(f"bench-{number}")
        for name in (NAMESPACE, records.NAMESPACE):
            await self._post("/api/v1/namespaces", {"metadata": {"name": name}})
        path = names.path("Sysplex", NAMESPACE)
        await self._make("Sysplex", path, {"metadata": {"name": "bench"}, "spec": {}})
        for number in range(BACKUPS):
            await self._stack_pod(f"b{number}", number)
        configs = f"/api/v1/namespaces/{records.NAMESPACE}/configmaps"
        self._keeper = await self._post(configs, {"metadata": {"name": "floor"}})
        labels = {floor.LABEL: "floor-backup"}
        await self._stage.pod(records.NAMESPACE, "b0", "bench-0", labels)
        self._floor_backup = await self._get("Pod", records.NAMESPACE, "b0")

    async def grow(self, client: Client, size: int) -> None:
        """Up to this many of each. `client`: who writes the records of the floor."""
        numbers = range(self._size, size)
        await each(numbers, self._add_vipa)
        await each(numbers, lambda number: self._add_floor(client, number))
        self._size = max(size, self._size)

    async def _add_vipa(self, number: int) -> None:
        await self._stack_pod(stack(number), number)
        if has_stock(number):
            selector = {STOCK_LABEL: stack(number)}
            spec: dict[str, Any] = {"selector": selector, "ports": [{"name": "http", "port": 80}]}
            body = {"metadata": {"name": f"stock-{stack(number)}"}, "spec": spec}
            await self._post(names.path("Service", NAMESPACE), body)
        ranking = [
            {"stack": f"b{(number + place) % BACKUPS}", "rank": PRIMARY_RANK - 10 * place}
            for place in range(BACKUPS)
        ]
        spec = {
            "sysplex": "bench",
            "address": f"198.18.{number // 250}.{number % 250 + 1}",
            "primary": stack(number),
            "backups": ranking,
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        }
        body = {"metadata": {"name": vipa(number)}, "spec": spec}
        await self._make("VIPA", names.path("VIPA", NAMESPACE), body)

    async def _stack_pod(self, name: str, number: int) -> None:
        labels = {names.SYSPLEX: "bench", names.STACK: name, STOCK_LABEL: name}
        await self._stage.pod(NAMESPACE, name, f"bench-{number % NODES}", labels)

    async def _add_floor(self, client: Client, number: int) -> None:
        name = floor_pod(number)
        labels = {floor.LABEL: floor.PRIMARY, "bench-a": name, "bench-b": name}
        await self._stage.pod(records.NAMESPACE, name, f"bench-{number % NODES}", labels)
        pod = await self._get("Pod", records.NAMESPACE, name)
        body = records.body(pod, name, self._keeper)
        body["metadata"]["name"] = records.name_of(name)
        path = names.path("EndpointSlice", records.NAMESPACE)
        await client.request("POST", path, body, query=encode.MANAGER)

    async def _get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        return await self._client.request("GET", names.path(kind, namespace, name))

    async def _make(self, kind: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._post(path, {"apiVersion": names.API_VERSION, "kind": kind, **body})

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._client.request("POST", path, body)


async def each(numbers: Iterable[int], work: Callable[[int], Awaitable[None]]) -> None:
    """All of them, some at once; the first failure ends the rest."""
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
