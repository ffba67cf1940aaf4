"""Objects cut down to what `decode` reads, for snapshot files.

A pod carries secrets in its environment and its arguments, an annotation of kubectl whole objects:
a file that is attached to a bug report must hold nothing that no decision was made from. What is
kept is listed, so a new field of Kubernetes is left out by itself.
"""

from __future__ import annotations

from vipa.core import groupspec
from vipa.k8s import names, raw, services

# What to keep of an object: the fields, each with what to keep of it; None keeps all. A mask for
# objects applies to each entry of a list as well.
Mask = dict[str, "Mask | None"]


def _fields(*found: str) -> Mask:
    return dict.fromkeys(found)


CONDITIONS: Mask = {"conditions": _fields("type", "status")}
CONTAINER: Mask = {"restartPolicy": None, "ports": _fields("name", "containerPort")}
SPECS: dict[str, Mask] = {
    "Node": {"podCIDRs": None, "podCIDR": None, "taints": _fields("key")},
    "Pod": {"nodeName": None, "containers": CONTAINER, "initContainers": CONTAINER},
    "Service": {
        **_fields(*services.OURS, "selector", "clusterIP", "clusterIPs", "externalIPs"),
        "loadBalancerIP": None,
        "ports": _fields("name", "protocol", "port", "targetPort", "nodePort"),
    },
    "ServiceCIDR": _fields("cidrs"),
}
STATUSES: dict[str, Mask] = {
    "Node": {**CONDITIONS, "addresses": _fields("type", "address")},
    "Pod": {**CONDITIONS, "phase": None, "podIP": None, "podIPs": _fields("ip")},
    "Service": {"loadBalancer": {"ingress": _fields("ip", "ipMode", "hostname")}},
}
IDENTITY = ("name", "namespace", "uid")


def reduce(kind: str, given: object) -> dict[str, object]:
    """The object with the fields that `decode` reads; decodes to the same value."""
    kept = _mask(kind, given)
    found = _cut(given, kept)
    return found if isinstance(found, dict) else {}


def _cut(given: object, mask: Mask | None) -> object:
    if mask is None:
        return given
    if isinstance(given, list):
        return [_cut(one, mask) for one in given]
    if not isinstance(given, dict):
        return None
    return {name: _cut(given[name], one) for name, one in mask.items() if name in given}


def _mask(kind: str, given: object) -> Mask:
    head = _fields("apiVersion", "kind")
    match kind:
        case "Sysplex" | "Stack" | "VIPA" | "VIPABackup":
            known = _fields(*IDENTITY, "creationTimestamp", "generation", "labels")
            known["annotations"] = _fields(groupspec.JOIN_REQUESTED)
            return {**head, **_fields("spec", "status"), "metadata": known}
        case "EndpointSlice":
            return {**head, **_slice(given)}
        case "Node":
            metadata: Mask = _fields(*IDENTITY, "labels")
        case "Pod":
            metadata = {
                **_fields(*IDENTITY, "creationTimestamp", "deletionTimestamp"),
                "labels": _fields(names.SYSPLEX, names.STACK),
                "annotations": _fields(names.VIPAS),
            }
        case "Service":
            metadata = {**_fields(*IDENTITY, "ownerReferences"), **_asked(given)}
        case _:
            metadata = _fields(*IDENTITY)
    return {
        **head,
        "metadata": metadata,
        "spec": SPECS.get(kind, {}),
        "status": STATUSES.get(kind, {}),
    }


def _slice(given: object) -> Mask:
    """Of a slice of ours all that is compared, of others only whose it is."""
    labels = _fields(names.VIPA, names.MANAGED_BY, names.SERVICE_NAME, names.STOCK_ENDPOINTS[0])
    written = raw.mapping(given, "metadata", "labels")
    if raw.text(written, names.MANAGED_BY) != names.MANAGED_BY_VALUE:
        owners = {"ownerReferences": _fields("kind", "uid")}
        return {"metadata": {**_fields(*IDENTITY), **owners, "labels": labels}}
    notes = raw.mapping(given, "metadata", "annotations")
    metadata = {
        **_fields(*IDENTITY, "resourceVersion", "ownerReferences"),
        "labels": labels,
        "annotations": _fields(*filter(names.is_own_key, notes)),
    }
    return {**_fields("addressType", "endpoints", "ports"), "metadata": metadata}


def _asked(given: object) -> Mask:
    """The labels and annotations of a Service that were asked for when it was applied."""
    notes = raw.mapping(given, "metadata", "annotations")
    applied = services.parse_applied(raw.text(notes, names.APPLIED))
    return {
        "labels": _fields(names.VIPA, *applied.labels),
        "annotations": _fields(names.APPLIED, *applied.annotations),
    }
