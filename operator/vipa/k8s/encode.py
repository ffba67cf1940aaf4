"""Actions as requests.

Every request is guarded: by the version it was planned from, or by the uid of the object that is
meant. So a write that comes late meets a conflict and never the successor of its object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vipa.core import actions as act
from vipa.k8s import names, records, services, statuses

Body = dict[str, object]
Query = tuple[tuple[str, str], ...]

MANAGER: Query = (("fieldManager", names.FIELD_MANAGER),)
FORCE: Query = (*MANAGER, ("force", "true"))

# No object ever has this version: etcd's first revision is older than any object. A guarded apply
# creates what is not there, and meets a conflict with whatever is.
NEVER = "1"
NOTE_LONGEST = 1024
NAME_LONGEST = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. `body` None: there is none."""

    method: str
    path: str
    body: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None
    content_type: str = names.JSON
    query: Query = ()


def requests(
    action: act.Action, now: str, instance: str = names.FIELD_MANAGER
) -> tuple[Request, ...]:
    """The requests that carry an action out, in order. `now`: RFC 3339 with seconds, for events.

    `instance` says which operator speaks in an event.
    """
    match action:
        case act.WriteRecord():
            return (_record(action),)
        case act.DeleteRecord():
            name = names.record_name(action.key.name)
            where = ("EndpointSlice", action.key.namespace, name)
            return (_delete(*where, action.uid, action.version),)
        case act.DeleteService() | act.DeleteSlice() | act.DeleteEndpoints() | act.DeleteStack():
            return (_delete(action.kind, action.key.namespace, action.key.name, action.uid),)
        case act.ApplyService():
            return _service(action)
        case act.AnnotatePod():
            return (_annotate(action),)
        case act.CreateStack():
            return (_create_stack(action),)
        case act.Emit():
            return (_event(action, now, instance),)
    return (_status(action),)


def _record(action: act.WriteRecord) -> Request:
    record = action.record
    kind, body = "EndpointSlice", records.body(record)
    if not record.version:
        path = names.path(kind, record.vipa.namespace)
        return Request(method="POST", path=path, body=body, query=MANAGER)
    path = names.path(kind, record.vipa.namespace, names.record_name(record.vipa.name))
    return Request(method="PUT", path=path, body=body, query=MANAGER)


def _delete(kind: str, namespace: str, name: str, uid: str, version: str = "") -> Request:
    same: Body = {"uid": uid, **({"resourceVersion": version} if version else {})}
    body: Body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": same}
    return Request(method="DELETE", path=names.path(kind, namespace, name), body=body)


def _service(action: act.ApplyService) -> tuple[Request, ...]:
    body = services.body(action)
    path = names.path("Service", *action.key)
    metadata: Body = {"uid": action.uid} if action.uid else {"resourceVersion": NEVER}
    found = []
    if action.uid:
        patch: Body = {"metadata": metadata, "spec": services.correction(action)}
        found.append(_patch(path, patch, names.MERGE, MANAGER))
    given = body["metadata"]
    assert isinstance(given, dict)
    whole = {**body, "metadata": {**given, **metadata}}
    found.append(_patch(path, whole, names.APPLY, FORCE if action.uid else MANAGER))
    ingress = services.ingress(action)
    if ingress:
        status: Body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": action.key.name, "namespace": action.key.namespace},
            "status": {"loadBalancer": {"ingress": ingress}},
        }
        path = names.path("Service", *action.key, "status")
        found.append(_patch(path, status, names.APPLY, FORCE))
    return tuple(found)


def _patch(path: str, body: Body, content_type: str, query: Query) -> Request:
    return Request(method="PATCH", path=path, body=body, content_type=content_type, query=query)


def _annotate(action: act.AnnotatePod) -> Request:
    path = names.path("Pod", *action.key)
    metadata: Body = {"uid": action.uid, "annotations": {names.VIPAS: action.value}}
    if action.value is None:
        # Not by applying nothing: that would leave an annotation that somebody else wrote.
        return _patch(path, {"metadata": metadata}, names.MERGE, MANAGER)
    metadata |= {"name": action.key.name, "namespace": action.key.namespace}
    body: Body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    return _patch(path, body, names.APPLY, FORCE)


def _create_stack(action: act.CreateStack) -> Request:
    body: Body = {
        "apiVersion": names.API_VERSION,
        "kind": "Stack",
        "metadata": {"name": action.key.name, "namespace": action.key.namespace},
        "spec": {"sysplex": action.sysplex},
    }
    path = names.path("Stack", action.key.namespace)
    return Request(method="POST", path=path, body=body, query=MANAGER)


def _status(action: act.Action) -> Request:
    match action:
        case act.WriteVipaStatus():
            uid, status = action.uid, statuses.vipa(action.status)
        case act.WriteStackStatus():
            uid, status = action.uid, statuses.stack(action.status)
        case act.WriteSysplexStatus():
            uid, status = action.uid, statuses.sysplex(action.status)
        case act.WriteBackupStatus():
            uid, status = action.uid, {"conditions": statuses.conditions(action.conditions)}
        case _:
            raise TypeError(f"no request for {type(action).__name__}")
    # The whole status in place of the former: apply would leave standing what somebody else wrote
    # into it, and the repair would never come to an end. The test is what guards it, because the
    # status subresource looks at neither uid nor name in a body.
    patch: list[Body] = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]
    path = names.path(action.kind, *action.key, "status")
    return Request(
        method="PATCH", path=path, body=patch, content_type=names.JSON_PATCH, query=MANAGER
    )


def _event(action: act.Emit, now: str, instance: str) -> Request:
    involved = {
        "apiVersion": names.KINDS[action.about].api_version,
        "kind": action.about,
        "namespace": action.key.namespace,
        "name": action.key.name,
        "uid": action.uid,
    }
    body: Body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": event_name(action.name), "namespace": action.key.namespace},
        "involvedObject": involved,
        "type": "Warning" if action.warning else "Normal",
        "reason": action.event,
        "message": action.note[:NOTE_LONGEST],
        "action": action.event,
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        # A MicroTime: the API server insists on six digits.
        "eventTime": now.removesuffix("Z") + ".000000Z",
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": instance,
    }
    path = names.path("Event", action.key.namespace)
    return Request(method="POST", path=path, body=body, query=MANAGER)


def event_name(name: str) -> str:
    """A name of the same meaning that the API server takes; too long, its beginning is cut off.

    The end holds what makes it unique: fence and uid.
    """
    labels = (re.sub(r"[^-a-z0-9]+", "-", one).strip("-") for one in name.lower().split("."))
    valid = ".".join(one for one in labels if one)
    return valid[-NAME_LONGEST:].strip(".-") or "event"
