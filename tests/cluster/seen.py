"""What is to be seen of a small sysplex by its API server."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.cluster.history import term_of
from tests.cluster.plane import Api
from tests.waiting import eventually, pause

from vipa.k8s import names

Object = dict[str, Any]

QUIET_S = 0.4
KINDS = ("Pod", "Service", "EndpointSlice", "Sysplex", "Stack", "VIPA", "VIPABackup", "Event")


def said(raw: Object) -> str:
    notes = raw["metadata"].get("annotations") or {}
    if names.TERM not in notes:
        return str(raw["metadata"]["resourceVersion"])
    said = {key: value for key, value in notes.items() if key != names.TERM}
    return json.dumps([said, raw["metadata"]["labels"], raw["endpoints"], raw["ports"]])


class Seen:
    """One namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def get(self, kind: str, name: str) -> Object | None:
        status, found = self.api.request("GET", names.path(kind, self.namespace, name))
        assert status in (200, 404), found
        return found if status == 200 else None

    def list(self, kind: str, selector: str = "") -> list[Object]:
        query = (("labelSelector", selector),) if selector else ()
        status, found = self.api.request("GET", names.path(kind, self.namespace), query=query)
        assert status == 200, found
        return list(found["items"])

    def record(self, vipa: str = "web") -> Object:
        found = self.get("EndpointSlice", names.record_name(vipa))
        assert found is not None, f"no record of {vipa}"
        return found

    def owner(self, vipa: str = "web") -> tuple[str, int]:
        """Owner and epoch by the record."""
        term = term_of("", self.record(vipa))
        return term.owner, term.epoch

    def status(self, vipa: str = "web") -> Object:
        found = self.get("VIPA", vipa)
        assert found is not None
        return dict(found.get("status") or {})

    def condition(self, type_: str, vipa: str = "web", kind: str = "VIPA") -> str:
        """`status reason: message`, or nothing."""
        found = self.get(kind, vipa)
        assert found is not None
        for one in (found.get("status") or {}).get("conditions") or ():
            if one["type"] == type_:
                return f"{one['status']} {one['reason']}: {one['message']}"
        return ""

    def annotation(self, pod: str) -> str | None:
        found = self.get("Pod", pod)
        assert found is not None
        value = (found["metadata"].get("annotations") or {}).get(names.VIPAS)
        return None if value is None else str(value)

    def annotated(self, pod: str) -> list[tuple[str, str, int]]:
        try:
            entries = json.loads(self.annotation(pod) or "[]")
        except ValueError:
            return []
        return [(e["vipa"], e.get("status", ""), e["epoch"]) for e in entries]

    def service(self, name: str = "web") -> Object:
        """The Service, once its address is announced."""

        def announced() -> Object:
            found = self.get("Service", name) or {}
            assert found.get("status", {}).get("loadBalancer", {}).get("ingress")
            return found

        return eventually(announced)

    def slices(self, service: str = "web") -> list[str]:
        """What traffic to the Service follows."""
        found = self.list("EndpointSlice", f"{names.SERVICE_NAME}={service}")
        return sorted(one["metadata"]["name"] for one in found)

    def events(self, *reasons: str) -> list[str]:
        """`reason kind/name: message`, oldest first."""
        found = self.list("Event")
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        lines = []
        for event in found:
            about = event["involvedObject"]
            if event["source"].get("component") == names.FIELD_MANAGER and (
                not reasons or event["reason"] in reasons
            ):
                name = f"{about['kind']}/{about['name']}"
                lines.append(f"{event['reason']} {name}: {event['message']}")
        return lines

    def versions(self) -> dict[str, str]:
        """Every object of the namespace that the operator may write, and its resourceVersion.

        Of a record all that it says but the term: a new leader marks every one with its own.
        """
        return {
            f"{kind}/{one['metadata']['name']}": said(one)
            for kind in KINDS
            for one in self.list(kind)
        }

    def quiet(self, for_s: float = QUIET_S, within_s: float = 20.0) -> dict[str, str]:
        """Nothing of the namespace has been written for a while."""
        deadline = time.monotonic() + within_s
        found, since = self.versions(), time.monotonic()
        while time.monotonic() - since < for_s:
            pause(0.1)
            seen = self.versions()
            if seen != found:
                assert time.monotonic() < deadline, f"no rest: {seen.items() ^ found.items()}"
                found, since = seen, time.monotonic()
        return found
