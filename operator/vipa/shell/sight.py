"""The eyes: lists at the start and now and then, watch events in between.

kopf does not notice what was deleted while a watch was re-listed (410), and gives no sign that a
list is complete. So the first list is ours, and whenever objects arrive without a type (kopf's mark
of a new list) the names are listed and compared: what the list does not have is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import time
from collections.abc import Mapping
from typing import Any

from vipa.core.inventory import network
from vipa.k8s import names
from vipa.k8s.client import ApiError, Client
from vipa.k8s.listing import pages
from vipa.shell.store import Ref, Store, reference

log = logging.getLogger(__name__)

KINDS = ("Sysplex", "Stack", "VIPA", "VIPABackup", "Node", "Pod", "Service", "EndpointSlice")
SELECTORS = {"Pod": names.SYSPLEX}
COMPARE_EVERY_S = 60.0
RELIST_QUIET_S = 0.3
RETRY_S = 0.5
# Without any answer of the API server for this long, nobody knows what became of the pods (I10).
BLIND_AFTER_S = 10.0
# Where nothing else is going on, this asks whether anybody is there.
ASK_EVERY_S = 2.0
LOOK_EVERY_S = 0.5


class NotAllowed(Exception):
    """The account may not list a kind: nothing would ever be seen of it."""


def refuse(error: ApiError) -> None:
    if error.status in (401, 403):
        raise NotAllowed(f"{error}; see crds/rbac.yaml") from error


class Sight:
    """Fills a store from the API server, and keeps it honest."""

    def __init__(self, client: Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._relisted: set[str] = set()
        self._relist = asyncio.Event()
        self._heard_at = time.monotonic()
        self._blind = False
        self.last_event_s: dict[str, float] = {}
        self.synced = False

    def event(self, kind: str, type_: str | None, raw: Mapping[str, Any]) -> None:
        """One watch event, stamped before anything is done with it."""
        at = time.perf_counter()
        self.last_event_s[kind] = at
        self._heard_at = time.monotonic()
        if type_ == "DELETED":
            self._store.forget(kind, raw, at)
            return
        if type_ is None and self.synced:
            self._relisted.add(kind)
            self._relist.set()
        self._store.observe(kind, raw, at)

    def answered_at(self) -> float:
        """When the API server was last heard of, monotonic."""
        return max(self._heard_at, self._client.answered_at or self._heard_at)

    def blind_since(self, now: float) -> float | None:
        """When the API server last answered, monotonic, if that is too long ago; None: we see."""
        last = self.answered_at()
        return last if now - last >= BLIND_AFTER_S else None

    async def ask_forever(self) -> None:
        """Ask whether the API server is there when nothing has been heard.

        What it says of its health does not matter: whoever answers can be seen by.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if time.monotonic() - self.answered_at() >= ASK_EVERY_S:
                with contextlib.suppress(ApiError):
                    await self._client.request("GET", "/livez", deadline_s=ASK_EVERY_S)

    async def note_forever(self) -> None:
        """Log when sight is lost and found; beside the asking, that may hang while it is lost."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._note()

    def _note(self) -> None:
        was, self._blind = self._blind, self.blind_since(time.monotonic()) is not None
        if self._blind and not was:
            log.warning("blind: no answer from the API server for %.0f s", BLIND_AFTER_S)
        elif was and not self._blind:
            log.warning("the API server answers again")

    async def sync(self) -> None:
        """List everything; returns when all kinds are in the store. Raises NotAllowed."""
        await asyncio.gather(*(self._first(kind) for kind in KINDS), self._cidrs())
        self.synced = True

    async def _first(self, kind: str) -> None:
        told = False
        while True:
            try:
                async for page in pages(self._client, kind, selector=SELECTORS.get(kind, "")):
                    for raw in page.items:
                        self._store.observe(kind, raw)
            except ApiError as error:
                refuse(error)
                if not told:
                    hint = " (are the CRDs applied?)" if error.status == 404 else ""
                    log.warning("waiting for %s: %s%s", kind, error, hint)
                told = True
                await asyncio.sleep(RETRY_S)
            else:
                self.last_event_s[kind] = time.perf_counter()
                return

    async def _cidrs(self) -> None:
        """The Service CIDRs, which no VIPA may lie in; an old server without the kind has none."""
        try:
            found = [
                item async for page in pages(self._client, "ServiceCIDR") for item in page.items
            ]
        except ApiError as error:
            refuse(error)
            log.warning("Service CIDRs are not known: %s", error)
            return
        texts = [str(c) for item in found for c in (item.get("spec") or {}).get("cidrs") or ()]
        known: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        known += [net for text in texts if (net := network(text)) is not None]
        self._store.set_service_cidrs(tuple(known))

    async def sweep(self) -> None:
        """Annotations on pods that left the group while nobody looked (I8)."""
        selector = f"!{names.SYSPLEX}"
        try:
            async for page in pages(self._client, "Pod", selector=selector, metadata_only=True):
                for raw in page.items:
                    meta = raw.get("metadata") or {}
                    if names.VIPAS in (meta.get("annotations") or {}):
                        self._store.stray(raw)
        except ApiError as error:
            log.warning("pods outside of every group were not looked at: %s", error)

    async def compare_forever(self) -> None:
        """Compare names now and then, and soon after a watch was listed anew."""
        while True:
            try:
                async with asyncio.timeout(COMPARE_EVERY_S):
                    await self._relist.wait()
                await asyncio.sleep(RELIST_QUIET_S)
                self._relist.clear()
                kinds, self._relisted = tuple(self._relisted), set()
            except TimeoutError:
                kinds = KINDS
            for kind in kinds:
                await self.compare(kind)

    async def compare(self, kind: str) -> None:
        """Drop what a list of names no longer has; without a list nothing is dropped (I10)."""
        before = self._store.known(kind)
        there: set[tuple[Ref, str]] = set()
        version = 0
        try:
            selector = SELECTORS.get(kind, "")
            async for page in pages(self._client, kind, selector=selector, metadata_only=True):
                for raw in page.items:
                    ref, uid, _ = reference(kind, raw)
                    there.add((ref, uid))
                version = version or page.version
        except ApiError as error:
            log.warning("%s could not be compared: %s", kind, error)
            self._relisted.add(kind)
            self._relist.set()
            await asyncio.sleep(RETRY_S)
            return
        for ref, seen in before.items():
            if (ref, seen.uid) not in there and seen.version <= version:
                log.info("vanished kind=%s object=%s/%s", kind, ref[1], ref[2])
                self._store.vanish(ref, seen)
