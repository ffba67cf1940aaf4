"""A list and the watch after it, bare: lines as they come, with the moment of their arrival."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import orjson

from vipa.k8s import access
from vipa.k8s.encode import MANAGER


class Seen(NamedTuple):
    """`type` LISTED: from the list; SYNCED: the list is complete, `raw` is empty."""

    at: float
    type: str
    raw: dict[str, Any]


class Api:
    """One session of one account."""

    def __init__(self, found: access.Access) -> None:
        token = found.token()
        headers = {"Accept": "application/json", "User-Agent": "sysplex-bench"}
        self.server = found.server
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=found.tls, keepalive_timeout=75),
            headers=headers | ({"Authorization": f"Bearer {token}"} if token else {}),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=2**21,
        )

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        url, data = self.server + path, orjson.dumps(body)
        async with self.session.put(url, data=data, headers=headers, params=MANAGER) as reply:
            raw = await reply.read()
        if reply.status != 200:
            raise RuntimeError(f"PUT {path}: {reply.status} {raw.decode(errors='replace')}")
        found: dict[str, Any] = orjson.loads(raw)
        return found

    async def follow(self, path: str, **query: str) -> AsyncIterator[Seen]:
        """Everything under a path, without end. Goes on where a stream broke off, or raises."""
        async with self.session.get(self.server + path, params=query) as reply:
            listed = orjson.loads(await reply.read())
        for raw in listed["items"]:
            yield Seen(time.perf_counter(), "LISTED", raw)
        version = listed["metadata"]["resourceVersion"]
        yield Seen(time.perf_counter(), "SYNCED", {})
        while True:  # a watch that cannot follow, on a busy machine, is ended by the server
            wanted = {**query, "watch": "1", "resourceVersion": version, "timeoutSeconds": "3600"}
            async with self.session.get(self.server + path, params=wanted) as reply:
                async for line in reply.content:
                    at = time.perf_counter()
                    event = orjson.loads(line)
                    if event["type"] == "ERROR":
                        raise RuntimeError(f"the watch of {path} ended: {event['object']}")
                    yield Seen(at, event["type"], event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]


async def connect(kubeconfig: str) -> Api:
    return Api(await access.find(kubeconfig))
