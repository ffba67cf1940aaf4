"""Objects of the API as values. Total: whatever JSON arrives, nothing raises.

An object without a name is none. Everything else that cannot be read is as if left out; for our own
kinds `core.spec` says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from vipa.core import spec
from vipa.core.cluster import Key, Node, Pod, Ready
from vipa.core.forms import seconds
from vipa.core.inventory import Object
from vipa.core.resources import Backup, Stack, Sysplex, Vipa
from vipa.k8s import names, raw, records, services, statuses

Given = Mapping[str, object]


def decode(kind: str, given: Given) -> Object | None:
    """The value of an object, or None where there is none to be had.

    An EndpointSlice becomes a Record or a Slice: it can turn from one into the other.
    """
    reader = READERS.get(kind)
    metadata = raw.mapping(given, "metadata")
    if kind in OWN and metadata.get("deletionTimestamp") is not None:
        # Deleted is deleted, also while somebody's finalizer holds the object: what was made for
        # it goes at once, and nothing waits for a controller that may never come.
        return None
    key = Key(raw.text(metadata, "namespace"), raw.text(metadata, "name"))
    return reader(given, key) if reader is not None and key.name else None


def service_cidrs(given: Given) -> tuple[str, ...]:
    """The networks of a ServiceCIDR, canonical."""
    return _cidrs(raw.items(raw.mapping(given, "spec"), "cidrs"))


def _cidrs(found: list[object]) -> tuple[str, ...]:
    given = (raw.cidr(one) for one in found if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in given if one))


def _condition(status: Given, type_: str) -> str:
    for one in raw.objects(status, "conditions"):
        if one.get("type") == type_:
            return raw.text(one, "status")
    return ""


def _node(given: Given, key: Key) -> Node:
    asked, status = raw.mapping(given, "spec"), raw.mapping(given, "status")
    ready = _condition(status, "Ready")
    kinds = ("InternalIP", "ExternalIP")
    found = [one for one in raw.objects(status, "addresses") if one.get("type") in kinds]
    return Node(
        name=key.name,
        ready=Ready(ready) if ready in set(Ready) else Ready.UNKNOWN,
        out_of_service=any(
            taint.get("key") == names.OUT_OF_SERVICE for taint in raw.objects(asked, "taints")
        ),
        labels=raw.texts(raw.mapping(given, "metadata", "labels")),
        addresses=raw.addresses(one.get("address") for one in found),
        pod_cidrs=_cidrs([*raw.items(asked, "podCIDRs"), asked.get("podCIDR")]),
    )


def _pod(given: Given, key: Key) -> Pod:
    metadata, status = raw.mapping(given, "metadata"), raw.mapping(given, "status")
    asked = raw.mapping(given, "spec")
    sysplex, stack, problem = spec.pod_stack(metadata.get("labels"), key.name)
    published = raw.mapping(metadata, "annotations").get(names.VIPAS)
    ips = [one.get("ip") for one in raw.objects(status, "podIPs")]
    return Pod(
        key=key,
        uid=raw.text(metadata, "uid"),
        created=_created(metadata),
        sysplex=sysplex,
        stack=stack,
        problem=problem,
        node=raw.text(asked, "nodeName"),
        ips=raw.addresses([*ips, status.get("podIP")]),
        ready=_condition(status, "Ready") == Ready.TRUE,
        terminating=metadata.get("deletionTimestamp") is not None,
        ended=raw.text(status, "phase") in ("Failed", "Succeeded"),
        ports=_ports(asked),
        published=published if isinstance(published, str) else None,
    )


def _created(metadata: Given) -> int:
    return seconds(raw.text(metadata, "creationTimestamp")) or 0


def _ports(asked: Given) -> tuple[tuple[str, int], ...]:
    """Named ports of the containers that run as long as the pod; the first one of a name counts."""
    sidecars = [
        one for one in raw.objects(asked, "initContainers") if one.get("restartPolicy") == "Always"
    ]
    found: dict[str, int] = {}
    for container in [*raw.objects(asked, "containers"), *sidecars]:
        for port in raw.objects(container, "ports"):
            name, number = raw.text(port, "name"), raw.number(port, "containerPort")
            if name and number:
                found.setdefault(name, number)
    return tuple(found.items())


def _sysplex(given: Given, key: Key) -> Sysplex:
    status = statuses.read_sysplex(raw.mapping(given, "status"))
    return replace(spec.sysplex(given), key=key, status=status)


def _stack(given: Given, key: Key) -> Stack:
    status = statuses.read_stack(raw.mapping(given, "status"))
    return replace(spec.stack(given), key=key, status=status)


def _vipa(given: Given, key: Key) -> Vipa:
    status = statuses.read_vipa(raw.mapping(given, "status"))
    return replace(spec.vipa(given), key=key, status=status)


def _backup(given: Given, key: Key) -> Backup:
    conditions = statuses.read_conditions(raw.mapping(given, "status"))
    return replace(spec.backup(given), key=key, conditions=conditions)


OWN = ("Sysplex", "Stack", "VIPA", "VIPABackup")
READERS: Mapping[str, Callable[[Given, Key], Object]] = {
    "Node": _node,
    "Pod": _pod,
    "Service": services.read,
    "EndpointSlice": records.read,
    "Sysplex": _sysplex,
    "Stack": _stack,
    "VIPA": _vipa,
    "VIPABackup": _backup,
}
