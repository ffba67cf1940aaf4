"""Objects from the cluster, and the few writes that commands make.

aiohttp takes a third of a second to import, so whoever needs no cluster does not import this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from vipa.cli.options import Place, check_kubeconfig
from vipa.cli.problems import ProblemError
from vipa.core import groupspec
from vipa.k8s import access, names
from vipa.k8s.client import ApiError, Client
from vipa.k8s.listing import pages

Raw = Mapping[str, Any]

OURS = ("Sysplex", "Stack", "VIPA", "VIPABackup")
KINDS = (*OURS, "Node", "Pod", "Service", "EndpointSlice", "ServiceCIDR")
SELECTORS = {"Pod": names.SYSPLEX}
# No VIPA may lie in the Service CIDR; a server or an account without the kind leaves it unknown.
SPARE = ("ServiceCIDR",)
MANAGER = "vipa-cli"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[Client]:
    """A client of the cluster that was asked for. Raises ProblemError, also for errors within."""
    check_kubeconfig(place.kubeconfig)
    logging.getLogger("kubernetes").setLevel(logging.CRITICAL)  # it says it all by exceptions
    try:
        client = Client(await access.find(place.kubeconfig, place.context))
    except access.NoAccess as error:
        raise ProblemError(str(error)) from error
    except OSError as error:
        raise ProblemError(f"the kubeconfig names what cannot be used: {error}") from error
    try:
        yield client
    except ApiError as error:
        raise ProblemError(told(error, client.access.server)) from error
    finally:
        await client.close()


def told(error: ApiError, server: str) -> str:
    """An answer of the API server in one line, with what would be right."""
    if error.unreachable:
        return f"{error}; is {server} the right API server? see --kubeconfig and --context"
    if error.status == UNAUTHORIZED:
        return f"{error}; {server} does not know these credentials"
    if error.status == FORBIDDEN:
        return f"{error}; ask for the rights in crds/rbac.yaml"
    if error.status == NOT_FOUND and error.body.get("kind") != "Status":
        return f"{error}; are the CRDs applied? see crds/"
    return str(error)


async def everything(client: Client, namespace: str | None, home: str) -> list[Raw]:
    """All objects that decisions read, of one namespace or of all; what belongs to no namespace
    always. An account that may not see all namespaces is given those of `home`."""
    try:
        return await _all(client, namespace)
    except ApiError as error:
        if error.status != FORBIDDEN or namespace is not None:
            raise
    return await _all(client, home)


async def _all(client: Client, namespace: str | None) -> list[Raw]:
    """Every kind, side by side. What the first refusal leaves undone is called off."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_listed(client, kind, namespace)) for kind in KINDS]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [raw for task in tasks for raw in task.result()]


async def _listed(client: Client, kind: str, namespace: str | None) -> list[Raw]:
    known = names.KINDS[kind]
    where = namespace or "" if known.namespaced else ""
    head = {"apiVersion": known.api_version, "kind": kind}
    by_uid: dict[object, Raw] = {}  # a list that expired half-way shows some objects twice
    try:
        async for page in pages(client, kind, namespace=where, selector=SELECTORS.get(kind, "")):
            for raw in page.items:
                by_uid[raw["metadata"]["uid"]] = {**head, **raw}
    except ApiError as error:
        if kind in SPARE and error.status in (FORBIDDEN, NOT_FOUND):
            return []
        raise
    return list(by_uid.values())


async def get(client: Client, kind: str, namespace: str, name: str) -> Raw:
    return await client.request("GET", names.path(kind, namespace, name))


async def pin(client: Client, namespace: str, name: str, to: str | None, version: str = "") -> Raw:
    """Write `spec.move` of a VIPA, with None remove it; guarded by a version if one is given."""
    body: dict[str, Any] = {"spec": {"move": {"to": to} if to else None}}
    if version:
        body["metadata"] = {"resourceVersion": version}
    return await client.request(
        "PATCH",
        names.path("VIPA", namespace, name),
        body,
        content_type=names.MERGE,
        query=(("fieldManager", MANAGER),),
    )


async def member(client: Client, namespace: str, name: str, *, joined: str) -> Raw:
    """Write the membership of a Stack: `joined` is when that was asked for, empty for leaving."""
    body: dict[str, Any] = {"spec": {"membership": "Joined" if joined else "Left"}}
    if joined:
        body["metadata"] = {"annotations": {groupspec.JOIN_REQUESTED: joined}}
    return await client.request(
        "PATCH",
        names.path("Stack", namespace, name),
        body,
        content_type=names.MERGE,
        query=(("fieldManager", MANAGER),),
    )
