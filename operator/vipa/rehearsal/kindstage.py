"""Real pods on real nodes, in the place of objects without containers.

What a kubelet would write is written by kubelets here: a pod fails because its process fails its
readiness probe, a node goes down because its network is cut. So each verb returns when the API
server shows what was wanted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from vipa.k8s import names
from vipa.k8s.client import Client
from vipa.rehearsal.kindnodes import NodeError, Nodes
from vipa.rehearsal.lens import Lens
from vipa.rehearsal.stage import Raw, Stage

IMAGE = "sysplex.local/traffic:1"  # hack/traffic, as `hack/kind traffic` loads it
PORT, HEALTH = 8080, 8081
ZONE = "topology.kubernetes.io/zone"
POD_WITHIN_S = 60.0
# Kubernetes gives a silent node up after 50 s, and looks every 5 s.
NODE_WITHIN_S = 90.0
LOOK_EVERY_S = 0.1
UNREADY, READY = "SIGUSR1", "SIGUSR2"


class KindLens(Lens):
    """`nodes`: the real node for each one of the file. Nodes are many runs', one after the other,
    and keep their names; everything else is under the prefix."""

    def __init__(self, prefix: str, nodes: Mapping[str, str]) -> None:
        super().__init__(prefix)
        self._nodes = nodes
        # The longest first: one node's name may be the beginning of another's.
        pairs = sorted(nodes.items(), key=lambda pair: -len(pair[1]))
        self._back = [(real.encode(), name.encode()) for name, real in pairs]

    def name(self, name: str) -> str:
        return self._nodes.get(name) or super().name(name)

    def inward(self, line: bytes) -> bytes | None:
        # Only nodes tell what machine they are.
        is_node = b'"nodeInfo"' in line
        if not is_node and super().inward(line) is None:
            return None
        if is_node and not any(b'"name":"' + real + b'"' in line for real, _ in self._back):
            return None
        found = line.replace(self.prefix.encode(), b"")
        for real, name in self._back:
            found = found.replace(b'"' + real + b'"', b'"' + name + b'"')
        return found


class KindStage(Stage):
    """The nodes of the cluster, and the pods that a rehearsal puts on them."""

    def __init__(self, client: Client, wrote: Callable[[Raw], None] = lambda raw: None) -> None:
        super().__init__(client, wrote)
        self.nodes = Nodes()
        self._down: set[str] = set()
        self._zones: dict[str, str | None] = {}

    async def node(self, name: str, zone: str = "", labels: dict[str, str] | None = None) -> None:
        """The node is there; for this rehearsal it is in this zone. Not labelled as made by it."""
        del labels
        path = names.path("Node", name=name)
        before = await self._client.request("GET", path)
        self._zones.setdefault(name, (before["metadata"].get("labels") or {}).get(ZONE))
        await self._zone(name, zone or None)

    async def _zone(self, name: str, zone: str | None) -> None:
        body = {"metadata": {"labels": {ZONE: zone}}}
        path = names.path("Node", name=name)
        self._wrote(await self._client.request("PATCH", path, body, content_type=names.MERGE))

    async def node_ready(self, name: str, status: str) -> None:
        """Down: its network is cut, and the node controller says so. Up: it is whole again."""
        if status == "True":
            await asyncio.to_thread(self.nodes.heal, name)
            self._down.discard(name)
        else:
            self._down.add(name)
            await asyncio.to_thread(self.nodes.cut, name)
        await self._shows(names.path("Node", name=name), status == "True", NODE_WITHIN_S)

    async def pod(
        self, namespace: str, name: str, node: str, labels: dict[str, str], *, ready: bool = True
    ) -> None:
        """A pod runs on a node, and its kubelet says that it is Ready."""
        probe = {"path": "/readyz", "port": HEALTH}
        container = {
            "name": "stack",
            "image": IMAGE,
            "ports": [{"name": "tcp", "containerPort": PORT}],
            "readinessProbe": {"httpGet": probe, "periodSeconds": 1, "failureThreshold": 1},
            # One that is stopped is there until the rehearsal says that it is gone.
            "lifecycle": {"preStop": {"sleep": {"seconds": 600}}},
        }
        meta = {"name": name, "namespace": namespace, "labels": labels}
        given = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 3600}
        await self._pod(meta, given)
        await self._shows(names.path("Pod", namespace, name), True, POD_WITHIN_S)
        if not ready:
            await self.pod_status(namespace, name, ready=False)

    async def pod_status(
        self, namespace: str, name: str, *, ready: bool, ips: Iterable[str] = ()
    ) -> None:
        """The process fails its readiness probe from now on, or passes it again."""
        del ips
        path = names.path("Pod", namespace, name)
        pod = await self._client.request("GET", path)
        node, uid = str(pod["spec"]["nodeName"]), str(pod["metadata"]["uid"])
        await asyncio.to_thread(self._signal, node, uid, READY if ready else UNREADY)
        await self._shows(path, ready, POD_WITHIN_S)

    def _signal(self, node: str, uid: str, signal: str) -> None:
        self.nodes.signal(node, self.nodes.containers(node, uid), signal)

    async def strike_nodes(self) -> None:
        """Every node is whole, and in the zone that it was in."""
        for name in sorted(self._down):
            await self.node_ready(name, "True")
        for name, zone in self._zones.items():
            await self._zone(name, zone)
        self._zones.clear()

    async def _shows(self, path: str, ready: bool, within_s: float) -> None:
        """Return when the API server shows this Ready. Raises NodeError."""
        deadline = time.monotonic() + within_s
        while True:
            raw = await self._client.request("GET", path)
            found = (raw.get("status") or {}).get("conditions") or ()
            says = {one["type"]: one["status"] for one in found}.get("Ready")
            if says is not None and (says == "True") is ready:
                self._wrote(raw)
                return
            if time.monotonic() > deadline:
                wanted = "Ready" if ready else "not Ready"
                raise NodeError(f"{path.rpartition('/')[2]} was not {wanted} in {within_s:g} s")
            await asyncio.sleep(LOOK_EVERY_S)
