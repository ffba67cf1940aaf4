"""Terse constructors of core values: what a test does not say is healthy and ordinary."""

from __future__ import annotations

from typing import Any

from vipa.core import plan
from vipa.core.cluster import Key, Node, Pod
from vipa.core.inventory import Inventory, Object
from vipa.core.resources import (
    Backup,
    Port,
    Rank,
    Sysplex,
    Vipa,
    VipaSpec,
)
from vipa.core.snapshot import Memory, Settings, Snapshot

NAMESPACE = "default"
ADDRESS = "198.51.100.10"
HTTP = Port(name="http", port=80, target=8080)
NOW = "2026-01-01T00:00:00Z"


def key(name: str, namespace: str = NAMESPACE) -> Key:
    return Key(namespace, name)


def node(name: str, zone: str = "z1", **fields: Any) -> Node:
    return Node(name=name, labels={"topology.kubernetes.io/zone": zone}, **fields)


def pod(stack: str, on: str = "n1", ip: str = "10.1.0.1", **fields: Any) -> Pod:
    """A healthy incarnation, named after its stack unless `name` says otherwise."""
    name = fields.pop("name", stack)
    given: dict[str, Any] = {
        "key": key(name),
        "uid": f"uid-{name}",
        "sysplex": "plex1",
        "stack": stack,
        "node": on,
        "ips": (ip,),
        "ready": True,
    }
    return Pod(**{**given, **fields})


def vipa(name: str = "web", namespace: str = NAMESPACE, **spec: Any) -> Vipa:
    """A VIPA with primary sysa and backup sysb; `created` and `issues` are of the object."""
    own = {field: spec.pop(field) for field in ("created", "issues", "uid") if field in spec}
    given: dict[str, Any] = {
        "sysplex": "plex1",
        "address": ADDRESS,
        "primary": "sysa",
        "backups": (Rank("sysb", 200),),
    }
    own = {"uid": f"uid-{namespace}-{name}", "created": 100, **own}
    return Vipa(key=key(name, namespace), spec=VipaSpec(**{**given, **spec}), **own)


def backup(name: str, *ranking: Rank, **fields: Any) -> Backup:
    return Backup(key=key(name), sysplex="plex1", ranking=ranking, **fields)


def world(*things: Object) -> Inventory:
    """These things beside plex1, nodes n1 to n3 and stacks sysa and sysb on n1 and n2."""
    ordinary: list[Object] = [
        Sysplex(key=key("plex1")),
        node("n1"),
        node("n2"),
        node("n3", "z2"),
        pod("sysa", "n1", "10.1.0.1"),
        pod("sysb", "n2", "10.1.0.2"),
    ]
    return Inventory([*ordinary, *things])


def snapshot(*things: Object, settings: Settings | None = None) -> Snapshot:
    return Snapshot(world=world(*things), now=NOW, settings=settings or Settings(), memory=Memory())


def settled(*things: Object, settings: Settings | None = None) -> Snapshot:
    """After everything that the first plan asks for."""
    return plan.make(snapshot(*things, settings=settings)).after


def carry_out(found: Snapshot) -> Snapshot:
    """After everything that the next plan asks for."""
    return plan.make(found).after


def condition(found: Snapshot, name: str, type_: str, namespace: str = NAMESPACE) -> str:
    """`Status Reason: message` of a VIPA's condition, or nothing."""
    conditions = found.world.vipas[key(name, namespace)].status.conditions
    return "".join(f"{c.status} {c.reason}: {c.message}" for c in conditions if c.type == type_)
