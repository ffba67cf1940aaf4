"""A small sysplex on a real control plane, and what people and kubelets do to it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.background import Background
from tests.cluster.history import History
from tests.cluster.plane import Api
from tests.cluster.seen import Seen
from tests.waiting import becomes, eventually

from vipa.k8s import names
from vipa.k8s.client import Client
from vipa.rehearsal.stage import Stage

Object = dict[str, Any]

ADDRESSES = itertools.cycle(f"198.51.100.{n}" for n in range(1, 200))
NODE_NUMBERS = itertools.count(1)


class World(Seen):
    """One namespace: a Sysplex, nodes, pods, VIPAs."""

    def __init__(self, api: Api, namespace: str, background: Background, stage: Stage) -> None:
        super().__init__(api, namespace)
        self._background = background
        self._stage = stage
        self._client: Client = stage._client
        self._histories: list[History] = []

    def create(self, kind: str, name: str, spec: Object | None = None, **meta: Any) -> Object:
        body: Object = {
            "apiVersion": names.KINDS[kind].api_version,
            "kind": kind,
            "metadata": {"name": name, **meta},
        }
        if spec is not None:
            body["spec"] = spec
        return self.post(body)

    def post(self, body: Object) -> Object:
        space = body["metadata"].get("namespace", self.namespace)
        status, found = self.api.request("POST", names.path(body["kind"], space), body)
        assert status == 201, found
        return found

    def patch(self, kind: str, name: str, body: Object, subresource: str = "") -> Object:
        """The object after it; one that the operator makes may come a moment later."""
        path = names.path(kind, self.namespace, name, subresource)

        def patched() -> Object:
            status, found = self.api.request("PATCH", path, body, names.MERGE)
            assert status == 200, found
            return found

        return eventually(patched)

    def delete(self, kind: str, name: str) -> None:
        status, found = self.api.request("DELETE", names.path(kind, self.namespace, name))
        assert status in (200, 202), found

    def plex(self, *stacks: str) -> None:
        """A Sysplex `plex1` and for each stack a node and a healthy pod."""
        self.create("Sysplex", "plex1", {"service": {"type": "LoadBalancer"}})
        for stack in stacks:
            self.pod(stack, self.node())

    def node(self) -> str:
        name = f"{self.namespace}-{next(NODE_NUMBERS)}"
        self._background.run(self._stage.node(name))
        return name

    def pod(self, name: str, node: str, **labels: str) -> None:
        marked = {names.SYSPLEX: "plex1", **labels}
        meta = {"name": name, "namespace": self.namespace, "labels": marked}
        # Short, because the namespace controller waits for half of it.
        spec = {
            "nodeName": node,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "stack"}],
        }
        self._background.run(self._stage.pod_from({"metadata": meta, "spec": spec}))
        ip = self._stage._next_ip()
        self._background.run(self._stage.pod_status(self.namespace, name, ready=True, ips=[ip]))

    def ready(self, pod: str, ready: bool) -> None:
        self._background.run(self._stage.pod_status(self.namespace, pod, ready=ready))

    def stop(self, pod: str) -> None:
        """Deleted with notice: it is terminating until it is `gone`."""
        self._background.run(self._stage.pod_stop(self.namespace, pod))

    def gone(self, pod: str) -> None:
        self._background.run(self._stage.pod_gone(self.namespace, pod))

    def kubelets(self) -> None:
        """End the pods that are told to."""
        for one in self.list("Pod"):
            if "deletionTimestamp" in one["metadata"]:
                self.gone(one["metadata"]["name"])

    def vipa(self, name: str = "web", **spec: Any) -> str:
        """A VIPA with sysa before sysb; its address."""
        wanted: Object = {
            "sysplex": "plex1",
            "address": next(ADDRESSES),
            "primary": "sysa",
            "backups": [{"stack": "sysb", "rank": 200}],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            **spec,
        }
        self.create("VIPA", name, {k: v for k, v in wanted.items() if v is not None})
        return str(wanted["address"])

    def active(self, name: str = "web", **spec: Any) -> str:
        """A VIPA that is on sysa, all of it told; its address."""
        address = self.vipa(name, **spec)
        becomes(lambda: self.owner(name), ("sysa", 1))
        becomes(lambda: self.status(name).get("state"), "Active")
        becomes(lambda: (name, "ACTIVE", 1) in self.annotated("sysa"), True)
        return address

    def put_record(self, record: Object) -> None:
        """As an administrator."""
        path = names.path("EndpointSlice", self.namespace, record["metadata"]["name"])
        status, found = self.api.request("PUT", path, record)
        assert status == 200, found

    def history(self) -> History:
        """From now on; the check needs it from the beginning of a VIPA or of a stable moment."""
        found = History(self._client, self.namespace)
        self._background.run(found.open())
        self._histories.append(found)
        return found

    def close(self) -> None:
        for history in self._histories:
            self._background.run(history.close())
        self._background.run(self._stage.strike())
        # Before the namespace is: an address is free again for the next test.
        for kind in ("VIPA", "EndpointSlice"):
            self.api.request("DELETE", names.path(kind, self.namespace))


@contextmanager
def staged(api: Api, background: Background, client: Client, prefix: str = "w") -> Iterator[World]:
    """A world in a namespace of its own, taken down in the end."""
    namespace = f"{prefix}-{secrets.token_hex(3)}"
    status, body = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert status == 201, body
    stage = Stage(client)
    background.run(stage.open())
    found = World(api, namespace, background, stage)
    try:
        yield found
    finally:
        found.close()
        background.run(stage.close())
        api.request("DELETE", f"/api/v1/namespaces/{namespace}")
