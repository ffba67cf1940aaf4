"""Watch streams of everything that a rehearsal looks at, over all namespaces, for as long as an
engine lives.

A stream that ends goes on where it stopped. One that cannot is an error, because a change that
nobody saw would make every count wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson

from vipa.k8s import names
from vipa.k8s.client import ApiError, Client
from vipa.k8s.listing import pages

log = logging.getLogger(__name__)

KINDS = (
    "Node",
    "Pod",
    "Service",
    "EndpointSlice",
    "Event",
    "Sysplex",
    "Stack",
    "VIPA",
    "VIPABackup",
)
AGAIN_S = 0.1
# Too busy, or a kind whose storage is not there yet: the version that we ask for still stands.
TRY_AGAIN = (429, 500, 502, 503, 504)
Hear = Callable[[str, str, bytes], None]


class LostSightError(Exception):
    """A stream could not go on where it stopped."""


class Watching:
    """`hear(kind, type, line)` gets each line undecoded: most of them may be of no interest."""

    def __init__(self, client: Client, hear: Hear) -> None:
        self._client = client
        self._hear = hear
        self._tasks: list[asyncio.Task[None]] = []
        self._versions: dict[str, str] = {}
        self._heard: set[str] = set()

    def open(self) -> None:
        self._tasks = [asyncio.create_task(self._forever(kind)) for kind in KINDS]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raises what ended a stream for good."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _forever(self, kind: str) -> None:
        while True:
            try:
                if kind not in self._versions:
                    await self._list(kind)
                await self._stream(kind)
            except ApiError as error:
                if not error.unreachable and error.status not in TRY_AGAIN:
                    raise
            except (aiohttp.ClientError, TimeoutError, OSError):
                log.debug("%s: the API server is away; the version still stands", kind)
            await asyncio.sleep(AGAIN_S)

    async def _list(self, kind: str) -> None:
        async for page in pages(self._client, kind):
            for raw in page.items:
                self._hear(kind, "MODIFIED", orjson.dumps({"object": raw}))
            self._versions[kind] = str(page.version)

    async def _stream(self, kind: str) -> None:
        version = self._versions[kind]
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        url = self._client.access.server + names.path(kind)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._client.session.get(url, params=query, timeout=timeout) as reply:
            if reply.status >= 400:
                raise ApiError(reply.status, "", f"watch of {kind}: HTTP {reply.status}", {})
            async for line in reply.content:
                type_, found = _head(line)
                if type_ == "ERROR":
                    self._expired(kind, line)
                    return
                self._heard.add(kind)
                self._versions[kind] = found or self._versions[kind]
                if type_ != "BOOKMARK":
                    self._hear(kind, type_, line)

    def _expired(self, kind: str, line: bytes) -> None:
        """Nothing is lost while nothing was heard: the list of a kind whose storage has only just
        come up can be older than what can be watched."""
        if kind in self._heard:
            raise LostSightError(f"watch of {kind}: {line[:300].decode(errors='replace')}")
        del self._versions[kind]


def _head(line: bytes) -> tuple[str, str]:
    """Type and version of an event."""
    event: dict[str, Any] = orjson.loads(line)
    meta = (event.get("object") or {}).get("metadata") or {}
    return str(event["type"]), str(meta.get("resourceVersion") or "")
