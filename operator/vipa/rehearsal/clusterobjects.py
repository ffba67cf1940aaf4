"""Objects of a file in a cluster: applied and deleted as the contract of rehearsals says it.

The merge is done here and the whole object is written, so that it is the API server that refuses
what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vipa.core.cluster import Key
from vipa.k8s import names
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal import objects
from vipa.rehearsal.clusterworld import ClusterWorld
from vipa.rehearsal.stage import Stage
from vipa.rehearsal.steps import CLUSTER_WIDE, Raw, key_of

NAMESPACES = "/api/v1/namespaces"
# Marks what a run made, so that a later one can tidy up after one that was broken off.
LABEL = f"{names.GROUP}/rehearsal"
TRIES = 10
WITH_STATUS = ("Pod", "Node", "Service")


class ClusterObjects:
    """`namespaces`: those that this run has made so far, by their names in the file."""

    def __init__(self, client: Client, stage: Stage, seen: ClusterWorld) -> None:
        self._client = client
        self._stage = stage
        self._seen = seen
        self._lens = seen.lens
        self.labels = {LABEL: seen.lens.prefix.rstrip("-")}
        self.namespaces: set[str] = set()

    async def namespace(self, name: str) -> None:
        """A namespace is made when something is first put into it."""
        if name not in self.namespaces:
            self.namespaces.add(name)
            meta = {"name": self._lens.name(name), "labels": self.labels}
            await self._client.request("POST", NAMESPACES, {"metadata": meta})

    async def apply(self, given: Raw) -> None:
        """Create an object or merge it into the one that is there. Raises ApiError."""
        raw, key = self._lens.outward(given), key_of(given)
        if raw["kind"] == "Namespace":
            await self.namespace(key.name)
            return
        if key.namespace:
            await self.namespace(key.namespace)
        for attempt in range(TRIES):
            old = await self._live(raw)
            try:
                if old is None:
                    await self._create(raw)
                else:
                    await self._replace(old, raw)
            except ApiError as error:
                # The operator, or a controller, wrote between our look and our write.
                if error.reason != "Conflict" or attempt == TRIES - 1:
                    raise
            else:
                return

    async def _live(self, raw: Raw) -> dict[str, Any] | None:
        try:
            return await self._client.request("GET", names.path(raw["kind"], *key_of(raw)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _create(self, raw: Raw) -> None:
        match raw["kind"]:
            case "Pod":
                await self._stage.pod_from(raw)
            case "Node":
                meta = raw["metadata"]
                labels = {**(meta.get("labels") or {}), **self.labels}
                await self._stage.node_from({**raw, "metadata": {**meta, "labels": labels}})
            case kind:
                path = names.path(kind, key_of(raw).namespace)
                self._seen.wrote(await self._client.request("POST", path, objects.created(raw)))

    async def _replace(self, old: Raw, given: Raw) -> None:
        new = objects.merged(old, given)
        kind, key = str(new["kind"]), key_of(new)
        if any(old.get(part) != new.get(part) for part in new if part != "status"):
            answer = await self._client.request("PUT", names.path(kind, *key), new)
            self._seen.wrote(answer)
        if "status" in given and kind in WITH_STATUS:
            await self._stage.patch_status(kind, *key, new["status"])

    async def delete(self, kind: str, key: Key) -> None:
        """Raises ApiError, also where there is no such object."""
        name = self._lens.name(key.name) if kind in CLUSTER_WIDE else key.name
        if kind == "Namespace":
            await self._client.request("DELETE", f"{NAMESPACES}/{name}")
            return
        namespace = self._lens.name(key.namespace) if key.namespace else ""
        options: Mapping[str, Any] = {"gracePeriodSeconds": 0} if kind == "Pod" else {}
        await self._client.request("DELETE", names.path(kind, namespace, name), options)
        self._seen.removed(kind, key)
        if kind == "Node":
            await self._stage.node_deleted(name)
