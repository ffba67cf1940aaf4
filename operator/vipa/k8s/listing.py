"""Lists, page by page: the start of a cache, and the only way to notice what a watch has missed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from vipa.k8s import names
from vipa.k8s.client import JSON, ApiError, Client

PAGE = 500
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
EXPIRED = 410


class Page(NamedTuple):
    """Objects of one page, and the version of the whole list."""

    items: list[dict[str, Any]]
    version: int


async def pages(
    client: Client,
    kind: str,
    *,
    namespace: str = "",
    selector: str = "",
    metadata_only: bool = False,
) -> AsyncIterator[Page]:
    """All objects of a kind. Raises ApiError; a list that expires half-way starts anew.

    Whoever collects sees some objects twice then, never one too few.
    """
    token = ""
    while True:
        query = [("limit", str(PAGE))]
        if selector:
            query.append(("labelSelector", selector))
        if token:
            query.append(("continue", token))
        try:
            body = await client.request(
                "GET",
                names.path(kind, namespace),
                query=tuple(query),
                accept=METADATA if metadata_only else JSON,
                deadline_s=30.0,
            )
        except ApiError as error:
            if error.status == EXPIRED and token:
                token = ""
                continue
            raise
        meta: Mapping[str, Any] = body.get("metadata") or {}
        yield Page(list(body.get("items") or ()), version_of(body))
        token = str(meta.get("continue") or "")
        if not token:
            return


def version_of(raw: Mapping[str, Any]) -> int:
    """The resourceVersion as a number: the API server promises that they can be compared."""
    text = str((raw.get("metadata") or {}).get("resourceVersion") or "0")
    return int(text) if text.isascii() and text.isdigit() else 0
