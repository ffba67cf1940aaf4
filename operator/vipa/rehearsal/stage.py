"""Plain nodes and pods on a real API server: what kubelets would say, said by us.

Nothing runs in these pods. A node lives as long as its Lease and its Ready condition are renewed;
a pod is ready when its status says so. The operator and the stock controllers see no difference,
because they never see more than these objects.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vipa.k8s import names
from vipa.k8s.client import ApiError, Client

HEARTBEAT_EVERY_S = 3.0
STRATEGIC = "application/strategic-merge-patch+json"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
ACCOUNT_WITHIN_S = 10.0
# 10.64.0.0/10: no loopback (EndpointSlices refuse it), outside of the usual Service CIDRs.
FIRST_IP = (10 << 24) + (64 << 16) + 1

Raw = Mapping[str, Any]


def condition(type_: str, status: str, reason: str) -> dict[str, str]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "lastTransitionTime": now,
        "lastHeartbeatTime": now,
    }


class Stage:
    """The nodes and pods that one rehearsal, demo or test put up; `strike` takes them down.

    `wrote` is told each object that the API server answers with.
    """

    def __init__(self, client: Client, wrote: Callable[[Raw], None] = lambda raw: None) -> None:
        self._client = client
        self._wrote = wrote
        self._ips = itertools.count(FIRST_IP + int(time.time() * 7) % (1 << 20))
        self._nodes: dict[str, bool] = {}
        self._pods: set[tuple[str, str]] = set()
        self._heart: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._heart = asyncio.create_task(self._beat_forever())

    async def close(self) -> None:
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)

    async def node(self, name: str, zone: str = "", labels: dict[str, str] | None = None) -> None:
        """A node appears and reports."""
        wanted = {"kubernetes.io/hostname": name, **(labels or {})}
        if zone:
            wanted["topology.kubernetes.io/zone"] = zone
        status = {"conditions": [condition("Ready", "True", "KubeletReady")]}
        await self.node_from({"metadata": {"name": name, "labels": wanted}, "status": status})

    async def node_from(self, raw: Raw) -> None:
        """A node as its object says, with its status, as a kubelet registers it."""
        name = str(raw["metadata"]["name"])
        await self._create(names.path("Node"), raw)
        found = (raw.get("status") or {}).get("conditions") or ()
        self._nodes[name] = any(c["type"] == "Ready" and c["status"] == "True" for c in found)
        if self._nodes[name]:
            await self.renew(name)

    async def node_ready(self, name: str, status: str) -> None:
        """What a node says of itself, or what the node controller says of a silent one."""
        reason = {"True": "KubeletReady", "False": "KubeletNotReady"}.get(
            status, "NodeStatusUnknown"
        )
        self._nodes[name] = status == "True"
        found = {"conditions": [condition("Ready", status, reason)]}
        await self.patch_status("Node", "", name, found)
        if status == "True":
            await self.renew(name)

    async def taint(self, name: str, key: str, *, on: bool) -> None:
        path = names.path("Node", name=name)
        node = await self._client.request("GET", path)
        kept = [t for t in (node.get("spec") or {}).get("taints") or () if t.get("key") != key]
        if on:
            kept.append({"key": key, "value": "nodeshutdown", "effect": "NoExecute"})
        body = {"spec": {"taints": kept}}
        self._wrote(await self._client.request("PATCH", path, body, content_type=names.MERGE))

    async def pod(
        self, namespace: str, name: str, node: str, labels: dict[str, str], *, ready: bool = True
    ) -> None:
        """A pod appears on a node, with an address of its own."""
        meta = {"name": name, "namespace": namespace, "labels": labels}
        await self._pod(meta, {"nodeName": node, "containers": [{"name": "stack"}]})
        await self.pod_status(namespace, name, ready=ready, ips=[self._next_ip()])

    async def pod_from(self, raw: Raw) -> None:
        """A pod as its object says, with its status, as a kubelet would write it."""
        meta, status = raw["metadata"], raw.get("status")
        await self._pod(meta, raw.get("spec") or {})
        if status:
            await self.patch_status("Pod", meta["namespace"], meta["name"], status)

    async def _pod(self, meta: Raw, given: Raw) -> None:
        spec = {**given, "automountServiceAccountToken": False}
        # Whatever a node is tainted with: a rehearsal says itself when a pod goes.
        spec["tolerations"] = [{"operator": "Exists"}]
        spec["containers"] = [
            {"image": "rehearsal.invalid/none", **one} for one in spec.get("containers") or ()
        ]
        await self._create(names.path("Pod", meta["namespace"]), {"metadata": meta, "spec": spec})
        self._pods.add((meta["namespace"], meta["name"]))

    async def patch_status(self, kind: str, namespace: str, name: str, status: Raw) -> None:
        path = names.path(kind, namespace, name, "status")
        body = {"status": status}
        self._wrote(await self._client.request("PATCH", path, body, content_type=STRATEGIC))

    async def pod_status(
        self, namespace: str, name: str, *, ready: bool, ips: Iterable[str] = ()
    ) -> None:
        """What the kubelet would write: Ready or not, and the addresses at the start."""
        word = "True" if ready else "False"
        found = [condition(type_, word, "Stage") for type_ in ("Ready", "ContainersReady")]
        status: dict[str, Any] = {"conditions": found, "phase": "Running"}
        if addresses := list(ips):
            status["podIPs"] = [{"ip": ip} for ip in addresses]
            status["podIP"] = addresses[0]
        for one in status["conditions"]:
            del one["lastHeartbeatTime"]
        await self.patch_status("Pod", namespace, name, status)

    async def pod_stop(self, namespace: str, name: str) -> None:
        """Deletion with notice: the object stays, terminating, until `pod_gone`."""
        path = names.path("Pod", namespace, name)
        answer = await self._delete(path, {"gracePeriodSeconds": 3600})
        if answer.get("kind") == "Pod":
            self._wrote(answer)

    async def pod_gone(self, namespace: str, name: str) -> None:
        await self._delete(names.path("Pod", namespace, name), {"gracePeriodSeconds": 0})
        self._pods.discard((namespace, name))

    async def strike(self) -> None:
        """Take everything down again."""
        for namespace, name in list(self._pods):
            await self.pod_gone(namespace, name)
        await self.strike_nodes()

    async def strike_nodes(self) -> None:
        for name in list(self._nodes):
            del self._nodes[name]
            await self._delete(names.path("Node", name=name), {})
            await self._delete(f"{LEASES}/{name}", {})

    async def node_deleted(self, name: str) -> None:
        """The node was deleted: its Lease goes too, and no heartbeat may bring that back."""
        self.forget_node(name)
        await self._delete(f"{LEASES}/{name}", {})

    def forget_node(self, name: str) -> None:
        """The node was deleted by somebody else: no heartbeat may bring its Lease back."""
        self._nodes.pop(name, None)

    def forget(self) -> None:
        """Everything was deleted by somebody else."""
        self._nodes.clear()
        self._pods.clear()

    def _next_ip(self) -> str:
        value = next(self._ips)
        return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))

    async def _create(self, path: str, body: Raw) -> None:
        """POST; a new namespace gets its ServiceAccount a moment later than itself."""
        deadline = time.monotonic() + ACCOUNT_WITHIN_S
        while True:
            try:
                self._wrote(await self._client.request("POST", path, body))
            except ApiError as error:
                waiting = error.status == 403 and "serviceaccount" in str(error)
                if not waiting or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return

    async def _delete(self, path: str, options: dict[str, Any]) -> Raw:
        try:
            return await self._client.request("DELETE", path, options)
        except ApiError as error:
            if error.status != 404:
                raise
            return {}

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY_S)
            for name, reports in list(self._nodes.items()):
                if reports:
                    try:
                        await self.renew(name)
                    except ApiError:
                        continue  # the API server is away: as a kubelet, try again at the next beat

    async def renew(self, name: str) -> None:
        moment = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": f"{stamp}.{int(moment % 1 * 1e6):06d}Z",
        }
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name},
            "spec": spec,
        }
        await self._client.request(
            "PATCH",
            f"{LEASES}/{name}",
            body,
            content_type=names.APPLY,
            query=(("fieldManager", "stage"), ("force", "true")),
        )
