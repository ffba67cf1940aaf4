"""The record as an EndpointSlice, there and back.

Both directions stand together because one is the check of the other: a record is `intact` when
writing what was read would write the same again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from vipa.core.cluster import Key, Slice
from vipa.core.record import Move, Record, RecordPort, parse_fence
from vipa.k8s import names, raw

Body = dict[str, object]


def body(record: Record) -> Body:
    """The whole object; with the version and uid it was read at, so that a PUT is guarded."""
    metadata: Body = {
        "name": names.record_name(record.vipa.name),
        "namespace": record.vipa.namespace,
        "labels": _labels(record),
        "annotations": _annotations(record),
        "ownerReferences": [_reference(record)],
    }
    if record.version:
        metadata["resourceVersion"] = record.version
    if record.uid:
        metadata["uid"] = record.uid
    return {
        "apiVersion": names.KINDS["EndpointSlice"].api_version,
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": "IPv6" if ":" in record.address else "IPv4",
        "endpoints": [_endpoint(record)] if record.holder and record.ip else [],
        "ports": [port._asdict() for port in record.ports],
    }


def _labels(record: Record) -> dict[str, str]:
    labels = {names.VIPA: record.vipa.name, names.MANAGED_BY: names.MANAGED_BY_VALUE}
    return labels | ({names.SERVICE_NAME: record.service} if record.service else {})


def _annotations(record: Record) -> dict[str, str]:
    found = {
        names.OWNER: record.owner,
        names.OWNER_UID: record.owner_uid,
        names.EPOCH: str(record.epoch),
        names.FENCE: record.fence,
        names.TERM: str(record.term),
        names.ADDRESS: record.address,
        names.DOMAIN: record.domain,
    }
    if record.last_move is not None:
        source, to, reason, time = record.last_move
        move = {"from": source, "to": to, "reason": reason, "time": time}
        found[names.LAST_MOVE] = json.dumps(move, separators=(",", ":"))
    return found


def _reference(record: Record) -> Body:
    # It does not block: deleting a VIPA in the foreground must not wait for its record, which is
    # deleted by the operator too.
    return {
        "apiVersion": names.API_VERSION,
        "kind": "VIPA",
        "name": record.vipa.name,
        "uid": record.vipa_uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _endpoint(record: Record) -> Body:
    pod = {"kind": "Pod", "namespace": record.vipa.namespace}
    pod |= {"name": record.pod, "uid": record.owner_uid}
    found: Body = {
        "addresses": [record.ip],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {key: value for key, value in pod.items() if value},
    }
    if record.node:
        found["nodeName"] = record.node
    if record.zone:
        found["zone"] = record.zone
    return found


def read(given: Mapping[str, object], key: Key) -> Record | Slice:
    """A record of ours, or anybody's slice."""
    metadata = raw.mapping(given, "metadata")
    labels = raw.mapping(metadata, "labels")
    vipa = key.name.removesuffix(names.RECORD_SUFFIX)
    ours = raw.text(labels, names.MANAGED_BY) == names.MANAGED_BY_VALUE
    if not ours or vipa == key.name or not vipa:
        return Slice(
            key=key,
            uid=raw.text(metadata, "uid"),
            service=raw.text(labels, names.SERVICE_NAME),
            managed_by=raw.text(labels, names.MANAGED_BY),
            leftover=_leftover(metadata),
        )
    found = _record(given, Key(key.namespace, vipa), intact=True)
    return found if _intact(given, found) else _record(given, found.vipa, intact=False)


def _leftover(metadata: Mapping[str, object]) -> str:
    """The uid of the Endpoints object that a slice mirrors, if a stock controller made that."""
    label, stock = names.STOCK_ENDPOINTS
    if raw.text(raw.mapping(metadata, "labels"), label) != stock:
        return ""
    owners = raw.objects(metadata, "ownerReferences")
    return next((raw.text(one, "uid") for one in owners if one.get("kind") == "Endpoints"), "")


def _record(given: Mapping[str, object], vipa: Key, *, intact: bool) -> Record:
    metadata = raw.mapping(given, "metadata")
    notes = raw.mapping(metadata, "annotations")
    endpoint = next(iter(raw.objects(given, "endpoints")), raw.NOTHING)
    ips = [one for one in raw.items(endpoint, "addresses") if isinstance(one, str)]
    fence = raw.text(notes, names.FENCE)
    # Its numbers have at most 18 digits each, as those of the policy; int() refuses 4,301.
    prefix = parse_fence(fence) if len(fence) <= 37 else None
    return Record(
        vipa=vipa,
        vipa_uid=_vipa_uid(metadata),
        owner=raw.text(notes, names.OWNER),
        owner_uid=raw.text(notes, names.OWNER_UID),
        ip=ips[0] if ips else "",
        pod=raw.text(raw.mapping(endpoint, "targetRef"), "name"),
        node=raw.text(endpoint, "nodeName"),
        zone=raw.text(endpoint, "zone"),
        epoch=raw.digits(raw.text(notes, names.EPOCH)),
        prefix=prefix[0] if prefix is not None else 0,
        term=raw.digits(raw.text(notes, names.TERM)),
        address=raw.text(notes, names.ADDRESS),
        domain=raw.text(notes, names.DOMAIN),
        service=raw.text(raw.mapping(metadata, "labels"), names.SERVICE_NAME),
        ports=tuple(
            RecordPort(raw.text(port, "name"), raw.text(port, "protocol"), raw.number(port, "port"))
            for port in raw.objects(given, "ports")
        ),
        last_move=_last_move(raw.text(notes, names.LAST_MOVE)),
        intact=intact,
        version=raw.text(metadata, "resourceVersion"),
        uid=raw.text(metadata, "uid"),
    )


def _vipa_uid(metadata: Mapping[str, object]) -> str:
    """The VIPA that the object belongs to; nothing where somebody took that away."""
    for one in raw.objects(metadata, "ownerReferences"):
        if raw.text(one, "kind") == "VIPA" and names.is_ours(raw.text(one, "apiVersion")):
            return raw.text(one, "uid")
    return ""


def _last_move(written: str) -> Move | None:
    try:
        found = json.loads(written) if written else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return Move(*(raw.text(found, name) for name in ("from", "to", "reason", "time")))


def _said(given: Mapping[str, object]) -> tuple[object, ...]:
    """What of an EndpointSlice is ours to say; labels and annotations of others are not."""
    metadata = raw.mapping(given, "metadata")
    labels = raw.mapping(metadata, "labels")
    notes = raw.mapping(metadata, "annotations")
    own = (names.VIPA, names.MANAGED_BY, names.SERVICE_NAME)
    return (
        {key: labels[key] for key in own if key in labels},
        {key: value for key, value in notes.items() if names.is_own_key(key)},
        metadata.get("ownerReferences"),
        given.get("addressType"),
        given.get("endpoints") or [],
        given.get("ports") or [],
    )


def _intact(given: Mapping[str, object], record: Record) -> bool:
    return _said(given) == _said(body(record))
