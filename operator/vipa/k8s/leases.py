"""The Lease that replicas are elected by: JSON <-> what the elector knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from vipa.core.election import Ask, Lease
from vipa.k8s.client import Client
from vipa.k8s.encode import MANAGER
from vipa.k8s.listing import version_of
from vipa.k8s.watch import Event

API_VERSION = "coordination.k8s.io/v1"
EVERYWHERE = f"/apis/{API_VERSION}/leases"
NAME = "sysplex-vipa"
# Of its metadata what is not ours: a PUT that left out Helm's labels would take the Lease away from
# its release, which then neither upgrades nor removes it.
OF_OTHERS = ("labels", "annotations", "ownerReferences", "finalizers")
# Where the operator runs unless it is told otherwise.
NAMESPACE = "sysplex-system"


class Place(NamedTuple):
    """Where the Lease is."""

    namespace: str
    name: str = NAME

    @property
    def collection(self) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/leases"

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.name}"

    @property
    def selector(self) -> dict[str, str]:
        """Of a list or watch of this one alone; RBAC can then be limited to its name."""
        return {"fieldSelector": f"metadata.name={self.name}"}


def decode(raw: Mapping[str, Any]) -> Lease:
    """What a Lease says. What is missing or of a wrong type counts as not said."""
    spec = raw.get("spec") or {}
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    return Lease(
        version=version_of(raw),
        uid=str((raw.get("metadata") or {}).get("uid") or ""),
        holder=str(spec.get("holderIdentity") or ""),
        duration=float(seconds) if isinstance(seconds, int) else 0.0,
        transitions=transitions if isinstance(transitions, int) else 0,
        mark=str(spec.get("renewTime") or ""),
        carried=_carried(raw.get("metadata") or {}),
    )


def _carried(metadata: Mapping[str, Any]) -> str:
    found = {key: metadata[key] for key in OF_OTHERS if metadata.get(key)}
    return orjson.dumps(found).decode() if found else ""


def heard(event: Event) -> Lease | None:
    """What an event of the watch says about the Lease; None: that a list is complete."""
    if event.type == "SYNCED":
        return None
    found = decode(event.object)
    return found._replace(holder="", exists=False) if event.type == "DELETED" else found


async def read(client: Client, place: Place, deadline_s: float) -> Lease:
    """The Lease at this moment, by a list: that has a version also where there is none.

    Raises ApiError.
    """
    body = await client.request(
        "GET", place.collection, query=tuple(place.selector.items()), deadline_s=deadline_s
    )
    for raw in body.get("items") or ():
        return decode(raw)
    return Lease(version=version_of(body), exists=False)


class Said(NamedTuple):
    """What a write says besides: the duration in seconds, and two times for people to read.

    `renewed` is the elector's mark too. RFC 3339 with microseconds, of the API server's clock.
    """

    duration: float
    acquired: str
    renewed: str


async def write(client: Client, place: Place, ask: Ask, said: Said, *, deadline_s: float) -> Lease:
    """Carry out what the elector asks for. Raises ApiError."""
    spec = {
        "holderIdentity": ask.holder,
        "leaseDurationSeconds": int(said.duration),
        "leaseTransitions": ask.transitions,
        "acquireTime": said.acquired,
        "renewTime": said.renewed,
    }
    others = orjson.loads(ask.carried) if ask.carried else {}
    meta: dict[str, Any] = {**others, "name": place.name, "namespace": place.namespace}
    if ask.version:
        meta |= {"resourceVersion": str(ask.version), "uid": ask.uid}
    body = {"apiVersion": API_VERSION, "kind": "Lease", "metadata": meta, "spec": spec}
    method, path = ("PUT", place.path) if ask.version else ("POST", place.collection)
    return decode(await client.request(method, path, body, query=MANAGER, deadline_s=deadline_s))
