"""What the tests of the policies write, and as whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Object = dict[str, Any]
Answer = tuple[int, dict[str, Any]]
Written = Callable[..., Object]
Owning = Callable[[str], list[Object]]

MERGE = "application/merge-patch+json"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
API_VERSION = "sysplex.dev/v1alpha1"
FOREIGNER = "system:serviceaccount:default:somebody"
COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
# Whose role lets it write whole slices only; here the policy alone is to refuse.
OPERATOR = "system:serviceaccount:sysplex-system:sysplex-vipa"


class Api(Protocol):
    """A client of the API server; `api` is one as administrator."""

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Answer: ...


class AsUser(Protocol):
    """Makes a client that writes as somebody else."""

    def __call__(self, name: str, groups: tuple[str, ...] = ()) -> Api: ...


def slices(namespace: str) -> str:
    return f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"


def references(vipa: str, uid: str = "uid-of-nobody") -> list[Object]:
    """Of a slice to its VIPA. If that is not there the garbage collector takes the slice away."""
    return [{"apiVersion": API_VERSION, "kind": "VIPA", "name": vipa, "uid": uid}]


def vipa_of(name: str) -> str:
    """The VIPA that a slice is named after."""
    return name.rpartition("-")[0] or name


def record(
    *,
    name: str = "web-owner",
    owner: str = "sysa",
    uid: str = "uid-a",
    address: str | None = "10.1.0.1",
    epoch: str | None = "7",
    term: str | None = "3",
) -> Object:
    annotations = {"sysplex.dev/owner": owner, "sysplex.dev/owner-uid": uid}
    if epoch is not None:
        annotations["sysplex.dev/epoch"] = epoch
    if term is not None:
        annotations["sysplex.dev/term"] = term
    endpoints = [{"addresses": [address], "conditions": {"ready": True}}] if address else []
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "labels": {MANAGED_BY: "vipa.sysplex.dev", "sysplex.dev/vipa": vipa_of(name)},
            "annotations": annotations,
            "ownerReferences": references(vipa_of(name)),
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


RELEASED: Object = {"owner": "", "uid": "", "address": None}


def put(api: Api, old: Object, **fields: Any) -> Answer:
    """The operator's way: the whole object, guarded by its resourceVersion."""
    meta = old["metadata"]
    new = record(name=meta["name"], **fields)
    for what in ("resourceVersion", "ownerReferences"):
        new["metadata"][what] = meta[what]
    return api.request("PUT", f"{slices(meta['namespace'])}/{meta['name']}", new)


def patch(api: Api, old: Object, body: Object) -> Answer:
    meta = old["metadata"]
    return api.request("PATCH", f"{slices(meta['namespace'])}/{meta['name']}", body, MERGE)


def refused(answer: Answer, text: str) -> None:
    status, body = answer
    assert status in (403, 422), body
    assert text in body["message"]
    # A policy that ends in an error of its own refuses too, with a text that helps nobody.
    assert "resulted in error" not in body["message"]


def accepted(answer: Answer) -> None:
    status, body = answer
    assert status in (200, 201), body
