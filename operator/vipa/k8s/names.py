"""Every name that the operator uses in the Kubernetes API, once."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from vipa.core import spec

GROUP = "sysplex.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FIELD_MANAGER = "sysplex-vipa"
MANAGED_BY_VALUE = "vipa.sysplex.dev"
LOAD_BALANCER_CLASS = f"{GROUP}/vipa"

# Labels.
SYSPLEX = spec.SYSPLEX_LABEL
STACK = spec.STACK_LABEL
VIPA = f"{GROUP}/vipa"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME = "kubernetes.io/service-name"
# On an Endpoints object, and on the slice that mirrors it: a stock controller made it.
STOCK_ENDPOINTS = ("endpoints.kubernetes.io/managed-by", "endpoint-controller")

# Annotations of a pod.
VIPAS = f"{GROUP}/vipas"

# Annotations of the record.
OWNER = f"{GROUP}/owner"
OWNER_UID = f"{GROUP}/owner-uid"
EPOCH = f"{GROUP}/epoch"
FENCE = f"{GROUP}/fence"
TERM = f"{GROUP}/term"
ADDRESS = f"{GROUP}/address"
DOMAIN = f"{GROUP}/domain"
LAST_MOVE = f"{GROUP}/last-move"

# Annotation of the Service: what was asked for when it was applied.
APPLIED = f"{GROUP}/applied"

RECORD_SUFFIX = "-owner"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class Kind(NamedTuple):
    """Where the objects of a kind are in the API."""

    api_version: str
    plural: str
    namespaced: bool = True

    @property
    def prefix(self) -> str:
        return (
            f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        )


KINDS = {
    "Node": Kind("v1", "nodes", False),
    "Pod": Kind("v1", "pods"),
    "Service": Kind("v1", "services"),
    "Event": Kind("v1", "events"),
    "Endpoints": Kind("v1", "endpoints"),
    "EndpointSlice": Kind("discovery.k8s.io/v1", "endpointslices"),
    "ServiceCIDR": Kind("networking.k8s.io/v1", "servicecidrs", False),
    "Sysplex": Kind(API_VERSION, "sysplexes"),
    "Stack": Kind(API_VERSION, "stacks"),
    "VIPA": Kind(API_VERSION, "vipas"),
    "VIPABackup": Kind(API_VERSION, "vipabackups"),
}


def path(kind: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of an object, or of a collection: without a namespace that of all namespaces."""
    known = KINDS[kind]
    parts = [known.prefix]
    if known.namespaced and namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(known.plural)
    parts += [quote(part, safe="") for part in (name, subresource) if part]
    return "/".join(parts)


def is_ours(api_version: str) -> bool:
    """Whether an apiVersion is of our group; the version may be a later one."""
    return api_version.partition("/")[0] == GROUP


def is_own_key(key: object) -> bool:
    """Whether a label or annotation is one of ours."""
    return isinstance(key, str) and key.startswith(f"{GROUP}/")


def record_name(vipa: str) -> str:
    """The EndpointSlice that is the record of a VIPA."""
    return vipa + RECORD_SUFFIX
