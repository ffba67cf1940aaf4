"""Every state that a record was in, and what no record may ever do."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import aiohttp

from vipa.k8s import names
from vipa.k8s.client import ApiError, Client
from vipa.k8s.listing import pages, version_of

Object = dict[str, Any]


class Term(NamedTuple):
    """What a record said at one moment; `kind` is the type of the watch event, `lease` the term of
    the leader that wrote it."""

    kind: str
    epoch: int
    owner: str
    uid: str
    ip: str
    fence: str
    lease: int

    @property
    def holder(self) -> tuple[str, str, str] | None:
        return (self.owner, self.uid, self.ip) if self.owner else None


def term_of(kind: str, record: Object) -> Term:
    notes = record["metadata"].get("annotations") or {}
    endpoint = next(iter(record.get("endpoints") or ()), {})
    ips = endpoint.get("addresses") or [""]
    owner, uid = notes.get(names.OWNER, ""), notes.get(names.OWNER_UID, "")
    epoch = int(notes.get(names.EPOCH, "-1"))
    lease = int(notes.get(names.TERM, "0"))
    return Term(kind, epoch, owner, uid, ips[0], notes.get(names.FENCE, ""), lease)


class BrokenPromise(Exception):
    """Of safety. Once is enough: no second try of the test may make up for it."""


class History:
    """Every state that the records of a namespace were in, watched at the API server itself."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._version = 0
        self._task: asyncio.Task[None] | None = None
        self.terms: dict[str, list[Term]] = {}
        self.gaps = 0

    async def open(self) -> None:
        await self._list()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _note(self, kind: str, record: Object) -> None:
        name = record["metadata"]["name"]
        if name.endswith(names.RECORD_SUFFIX):
            vipa = name.removesuffix(names.RECORD_SUFFIX)
            self.terms.setdefault(vipa, []).append(term_of(kind, record))

    async def _list(self) -> None:
        async for page in pages(self._client, "EndpointSlice", namespace=self._namespace):
            for record in page.items:
                self._note("LISTED", record)
            self._version = page.version

    async def _follow(self) -> None:
        while True:
            try:
                if not await self._watch():
                    self.gaps += 1
                    await self._list()
            except (ApiError, aiohttp.ClientError, OSError):
                await asyncio.sleep(0)

    async def _watch(self) -> bool:
        """Until the stream ends; False: the version is too old and something was missed."""
        path = names.path("EndpointSlice", self._namespace)
        query = {"watch": "1", "resourceVersion": str(self._version)}
        url = self._client.access.server + path
        forever = aiohttp.ClientTimeout(total=None)
        async with self._client.session.get(url, params=query, timeout=forever) as reply:
            if reply.status == 410:
                return False
            reply.raise_for_status()
            async for line in reply.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return False
                self._note(event["type"], event["object"])
                self._version = version_of(event["object"])
        return True

    def holders(self, vipa: str) -> list[tuple[int, str]]:
        """The terms of office, in order: epoch and owner, a release with an empty one."""
        found: list[tuple[int, str]] = []
        for term in self.terms.get(vipa, []):
            if term.kind != "DELETED" and (not found or found[-1] != (term.epoch, term.owner)):
                found.append((term.epoch, term.owner))
        return found

    def check(self, vipa: str = "web") -> None:
        """I1 and I2: the epoch rises by one with each new holder, and never otherwise; and no
        former leader writes after a later one."""
        assert self.gaps == 0, "the history has a gap: nothing can be said about it"
        try:
            self._hold(vipa)
        except AssertionError as error:
            raise BrokenPromise(str(error)) from None

    def _hold(self, vipa: str) -> None:
        held: tuple[str, str, str] | None = None
        epoch, lease, told = 0, 0, self.terms.get(vipa, [])
        for place, term in enumerate(told):
            assert term.lease >= lease, f"{term} after term {lease}: {told}"
            lease = term.lease
            if term.kind == "DELETED":
                held = None
                continue
            new = term.holder is not None and term.holder != held
            if place or term.kind != "LISTED":
                assert term.epoch == epoch + new, f"{term} after epoch {epoch}: {told}"
            assert not term.fence or term.fence.endswith(f".{term.epoch}"), term
            held, epoch = term.holder, term.epoch
