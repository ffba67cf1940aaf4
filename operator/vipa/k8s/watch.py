"""A list and the watch after it, without end, for kinds that kopf need not know.

The stream survives whatever a network and an API server do: it is opened again where it broke off,
and the list is made anew where the server has forgotten that place (410) or sends an error.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import orjson

from vipa.k8s.client import ApiError, Client

LISTED = "LISTED"
SYNCED = "SYNCED"
PAGE = "500"
LIST_WITHIN_S = 10.0
# The longest blindness on a stream that died without a word: then it is opened again.
QUIET_S = 15.0
# Between two attempts; a quarter more at random, so that replicas do not come as one.
PAUSE_S = 0.2
REFUSED = (401, 403)


class Event(NamedTuple):
    """`type`: LISTED, SYNCED (the list is complete; `object` is empty), ADDED, MODIFIED, DELETED.

    `at`: when it arrived, monotonic. After a SYNCED whatever was not LISTED before it is gone.
    """

    type: str
    object: dict[str, Any]
    at: float


async def follow(
    client: Client,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    quiet_s: float = QUIET_S,
) -> AsyncIterator[Event]:
    """Everything under a path, for ever. `params`: selectors. Raises ApiError for 401 and 403 only.

    A stream on which nothing comes for `quiet_s` is opened again, without a new list.
    """
    query = dict(params or {})
    while True:
        version = ""
        try:
            async for event, version in _list(client, path, query):  # noqa: B007 - read below
                yield event
            while True:
                async for event in _stream(
                    client, path, {**query, "resourceVersion": version}, quiet_s
                ):
                    version = str(event.object["metadata"]["resourceVersion"])
                    if event.type != "BOOKMARK":
                        yield event
                await _pause()
        except ApiError as error:
            if error.status in REFUSED:
                raise
        await _pause()


async def _pause() -> None:
    await asyncio.sleep(PAUSE_S * random.uniform(1.0, 1.25))


async def _list(
    client: Client, path: str, query: Mapping[str, str]
) -> AsyncIterator[tuple[Event, str]]:
    """LISTED events and a SYNCED, each with the version of the list. Raises ApiError."""
    more = {"limit": PAGE}
    while True:
        body = await client.request(
            "GET", path, query=tuple({**query, **more}.items()), deadline_s=LIST_WITHIN_S
        )
        at, meta = time.monotonic(), body.get("metadata") or {}
        version = str(meta.get("resourceVersion") or "")
        for raw in body.get("items") or ():
            yield Event(LISTED, raw, at), version
        if not meta.get("continue"):
            yield Event(SYNCED, {}, at), version
            return
        more["continue"] = str(meta["continue"])


async def _stream(
    client: Client, path: str, query: Mapping[str, str], quiet_s: float
) -> AsyncIterator[Event]:
    """The events of one watch request, bookmarks too. Ends where the connection does.

    Raises ApiError where the server cannot go on from this version.
    """
    wanted = {**query, "watch": "1", "allowWatchBookmarks": "true"}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=quiet_s, sock_read=quiet_s)
    url = client.access.server + path
    try:
        async with client.session.get(url, params=wanted, timeout=timeout) as reply:
            if reply.status >= 400:
                raise ApiError(reply.status, "", f"watch {path}: HTTP {reply.status}", {})
            async for line in reply.content:
                at = time.monotonic()
                found = orjson.loads(line)
                if found["type"] == "ERROR":
                    status = found["object"]
                    code = int(status.get("code") or 500)
                    raise ApiError(code, str(status.get("reason")), f"watch {path}: {status}", {})
                yield Event(found["type"], found["object"], at)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return
