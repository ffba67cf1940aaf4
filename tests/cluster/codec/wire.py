"""What the operator writes to a real API server, and what stands there then."""

from __future__ import annotations

from typing import Any

from tests.cluster.plane import Api

from vipa.core import actions as act
from vipa.core.cluster import Key
from vipa.core.record import Move
from vipa.core.resources import Condition, Port
from vipa.k8s import names
from vipa.k8s.decode import decode
from vipa.k8s.encode import requests
from vipa.k8s.reduce import reduce

NOW = "2026-11-22T10:00:00Z"
MOVE = Move("sysa", "sysb", "OwnerFailed", NOW)
PORTS = (
    Port(name="http", port=80, target=8080),
    Port(name="dns", protocol="UDP", port=53, target="dns"),
)
# A patch for an object that came back under its name: metadata.uid is immutable.
ANOTHER_UID = [422]
READY = Condition(
    type="Accepted", status="True", reason="Accepted", message="", generation=1, since=NOW
)


class Wire:
    """The operator's side and an administrator's, in one namespace."""

    def __init__(self, operator: Api, admin: Api, namespace: str) -> None:
        self.operator = operator
        self.admin = admin
        self.namespace = namespace
        self.refusal: str | None = None

    def key(self, name: str) -> Key:
        return Key(self.namespace, name)

    def send(self, action: act.Action) -> list[int]:
        """The statuses of the requests; the first refusal ends it."""
        found = []
        for one in requests(action, NOW):
            status, body = self.operator.request(
                one.method, one.path, one.body, content_type=one.content_type, query=one.query
            )
            found.append(status)
            if status >= 400:
                self.refusal = body.get("message")
                break
        return found

    def path(self, kind: str, name: str = "") -> str:
        return names.path(kind, self.namespace, name)

    def raw(self, kind: str, name: str) -> dict[str, Any]:
        status, body = self.admin.request("GET", self.path(kind, name))
        assert status == 200, body
        return body

    def uid(self, kind: str, name: str) -> str:
        return str(self.raw(kind, name)["metadata"]["uid"])

    def read(self, kind: str, name: str) -> Any:
        """The value; reduced it is the same, as for every object that is read here."""
        raw = self.raw(kind, name)
        value = decode(kind, raw)
        assert decode(kind, reduce(kind, raw)) == value
        return value

    def create(self, kind: str, name: str, **rest: Any) -> str:
        """An object made by somebody else; its uid."""
        body = {"apiVersion": names.KINDS[kind].api_version, "kind": kind, **rest}
        body["metadata"] = {"name": name, **rest.get("metadata", {})}
        status, answer = self.admin.request("POST", self.path(kind), body)
        assert status == 201, answer
        return str(answer["metadata"]["uid"])

    def edit(self, kind: str, name: str, patch: dict[str, Any], sub: str = "") -> None:
        """What somebody changes by hand."""
        path = names.path(kind, self.namespace, name, sub)
        status, body = self.admin.request("PATCH", path, patch, content_type=names.MERGE)
        assert status == 200, body

    def vipa(self, name: str = "web") -> str:
        spec = {"sysplex": "plex1", "address": "198.51.100.10", "primary": "sysa"}
        return self.create("VIPA", name, spec=spec)

    def pod(self, name: str = "sysa") -> str:
        spec = {"containers": [{"name": "app", "image": "app"}], "nodeName": "n1"}
        return self.create("Pod", name, spec=spec)
