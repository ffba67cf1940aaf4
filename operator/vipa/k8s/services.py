"""The Service of a VIPA, there and back.

The annotation `sysplex.dev/applied` has four parts, `digest:shape:labels:annotations`: the digest
of what the VIPA asked for, a digest of what the Service said right after it was applied, and the
keys that were asked for beside our own label. A Service whose shape is another one now was edited
by somebody else. Comparing the Service with the request itself would not do: what the API server
fills in differs by cluster and version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vipa.core.actions import ApplyService
from vipa.core.cluster import Key, Service
from vipa.k8s import names, raw

Body = dict[str, object]

# What of the spec is ours beside the ports; the last three exist for a LoadBalancer only.
OURS = (
    "type",
    "sessionAffinity",
    "loadBalancerClass",
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
)


class Applied(NamedTuple):
    """The annotation in its four parts."""

    digest: str
    shape: str
    labels: tuple[str, ...]
    annotations: tuple[str, ...]

    def __str__(self) -> str:
        return ":".join(
            (self.digest, self.shape, ",".join(self.labels), ",".join(self.annotations))
        )


def parse_applied(written: str) -> Applied:
    """Tolerant: an annotation of another form says that nothing was applied."""
    parts = written.split(":")
    if len(parts) != 4:
        return Applied("", "", (), ())
    labels, annotations = (tuple(key for key in part.split(",") if key) for part in parts[2:])
    return Applied(parts[0], parts[1], labels, annotations)


def spec(action: ApplyService) -> Body:
    """What is asked for, everything said out loud: what is not said cannot be repaired."""
    found: Body = {
        "type": action.type,
        "ports": [
            {
                "name": port.name,
                "protocol": port.protocol,
                "port": port.port,
                "targetPort": port.target,
            }
            for port in action.ports
        ],
        "sessionAffinity": action.session_affinity or "None",
    }
    if action.type == "LoadBalancer":
        found["loadBalancerClass"] = action.load_balancer_class or names.LOAD_BALANCER_CLASS
        found["allocateLoadBalancerNodePorts"] = False
        found["externalTrafficPolicy"] = action.external_traffic_policy or "Cluster"
    if ":" in action.address:
        # The second family where the cluster has two; where it has one, the ClusterIP is of that
        # one and the address in the status is IPv6 nevertheless.
        found["ipFamilyPolicy"] = "PreferDualStack"
    return found


def body(action: ApplyService) -> Body:
    """The whole request, for server-side apply."""
    asked, labels = spec(action), {**action.labels, names.VIPA: action.vipa}
    label_keys = tuple(sorted(action.labels.keys() - {names.VIPA}))
    note_keys = tuple(sorted(action.annotations.keys() - {names.APPLIED}))
    shape = _shape(asked, labels, action.annotations, label_keys, note_keys)
    applied = Applied(action.applied, shape, label_keys, note_keys)
    annotations = {**action.annotations, names.APPLIED: str(applied)}
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": "VIPA",
        "name": action.vipa,
        "uid": action.vipa_uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": action.key.name,
            "namespace": action.key.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": asked,
    }


def correction(action: ApplyService) -> Body:
    """The spec alone, for a merge patch: it replaces what apply would leave standing.

    Apply merges lists by key, so a port that somebody else put there would stay for ever; and a
    node port, once given, goes only in the write that says that there shall be none.
    """
    asked = spec(action)
    if action.drops_selector:
        asked["selector"] = None
    return asked


def ingress(action: ApplyService) -> list[Body]:
    """ipMode VIP: kube-proxy then answers for the address on every node itself."""
    return [{"ip": action.ingress, "ipMode": "VIP"}] if action.ingress else []


def read(given: Mapping[str, object], key: Key) -> Service:
    metadata, asked = raw.mapping(given, "metadata"), raw.mapping(given, "spec")
    vipa, vipa_uid = _owner(metadata) or _orphan(metadata)
    entries = raw.objects(raw.mapping(given, "status", "loadBalancer"), "ingress")
    found = raw.items(asked, "clusterIPs") + raw.items(asked, "externalIPs")
    found += [asked.get("clusterIP"), asked.get("loadBalancerIP")]
    found += [entry.get("ip") for entry in entries]
    applied = parse_applied(raw.text(raw.mapping(metadata, "annotations"), names.APPLIED))
    return Service(
        key=key,
        uid=raw.text(metadata, "uid"),
        vipa=vipa,
        vipa_uid=vipa_uid,
        applied=applied.digest,
        intact=not vipa_uid or _intact(metadata, asked, applied),
        selector=bool(raw.mapping(asked, "selector")),
        load_balancer_class=raw.text(asked, "loadBalancerClass"),
        ingress=",".join(map(_entry, entries)),
        addresses=raw.addresses(found),
    )


def _owner(metadata: Mapping[str, object]) -> tuple[str, str] | None:
    """Name and uid of the VIPA that a Service is for."""
    for one in raw.objects(metadata, "ownerReferences"):
        if raw.text(one, "kind") == "VIPA" and names.is_ours(raw.text(one, "apiVersion")):
            return raw.text(one, "name"), raw.text(one, "uid")
    return None


def _orphan(metadata: Mapping[str, object]) -> tuple[str, str]:
    """A Service of ours that lost its reference: deletion with --cascade=orphan, or an edit.

    No VIPA has this uid, so it is removed, and made anew where one asks for it.
    """
    applied = raw.text(raw.mapping(metadata, "annotations"), names.APPLIED)
    vipa = raw.text(raw.mapping(metadata, "labels"), names.VIPA)
    return (vipa, "orphaned") if applied and vipa else ("", "")


def _entry(entry: Mapping[str, object]) -> str:
    """An ingress entry as core compares it: the address alone only if it is as we write it."""
    ip, mode = raw.text(entry, "ip"), raw.text(entry, "ipMode")
    name = ip or raw.text(entry, "hostname")
    return name if mode in ("", "VIP") else f"{name}/{mode}"


def _intact(metadata: Mapping[str, object], asked: Mapping[str, object], applied: Applied) -> bool:
    labels = raw.mapping(metadata, "labels")
    notes = raw.mapping(metadata, "annotations")
    seen = _shape(asked, labels, notes, applied.labels, applied.annotations)
    return applied.shape == seen


def _shape(
    asked: Mapping[str, object],
    labels: Mapping[str, object],
    notes: Mapping[str, object],
    label_keys: Sequence[str],
    note_keys: Sequence[str],
) -> str:
    """A digest of what a Service says in the fields that are ours."""
    ports = raw.objects(asked, "ports")
    values = {name: asked.get(name) for name in OURS}
    said = {
        "spec": {k: v for k, v in values.items() if isinstance(v, str | bool)},
        "ports": sorted(map(_port, ports)),
        "nodePorts": any(raw.number(port, "nodePort") for port in ports),
        "labels": {key: raw.text(labels, key) for key in (names.VIPA, *label_keys)},
        "annotations": {key: raw.text(notes, key) for key in note_keys},
    }
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _port(port: Mapping[str, object]) -> list[str]:
    target = raw.text(port, "targetPort") or str(raw.number(port, "targetPort"))
    number = str(raw.number(port, "port"))
    return [raw.text(port, "name"), raw.text(port, "protocol"), number, target]
