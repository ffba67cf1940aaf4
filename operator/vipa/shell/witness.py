"""The second witness of the monitor: what kubelets say of their nodes, by their Leases.

A kubelet renews a Lease in `kube-node-lease` every ten seconds. When its renewTime was seen to
change, by our own monotonic clock, is what counts: the time that it says is of a foreign clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from vipa.k8s.client import ApiError, Client
from vipa.k8s.watch import Event, follow
from vipa.shell.store import Store

log = logging.getLogger(__name__)

PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
REFUSED_PAUSE_S = 30.0
# A stream that died without a word is opened again after this long: well before a Lease that is
# renewed every ten seconds looks 15 s old.
QUIET_S = 4.0
LOOK_EVERY_S = 1.0
# Longer than a healthy API server is ever unheard of, as `Sight` asks it every two seconds.
UNHEARD_S = 4.5


class Witness:
    """Watches while somebody is asked: without probes there is nothing to bear witness to."""

    def __init__(
        self,
        client: Client,
        store: Store,
        answered_at: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`answered_at`: when the API server was last heard of, on the same clock."""
        self._client = client
        self._store = store
        self._answered_at = answered_at
        self._clock = clock
        self._looked = clock()
        self._renewals: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    def want(self, wanted: bool) -> None:
        """Watch from now on, or no longer. Idempotent."""
        if wanted and self._task is None:
            self._looked = self._clock()
            self._task = asyncio.create_task(self._work())
        elif not wanted and self._task is not None:
            self._task.cancel()
            self._task = None
            # What was seen last would make the next first sight look like no change at all.
            self._renewals.clear()

    async def stop(self) -> None:
        task = self._task
        self.want(False)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def _work(self) -> None:
        await asyncio.gather(self._watch_forever(), self._look_forever())

    async def _watch_forever(self) -> None:
        told = False
        while True:
            try:
                async for event in follow(self._client, PATH, quiet_s=QUIET_S):
                    self.take(event)
            except ApiError as error:
                if not told:
                    log.warning("no witness for the monitor: %s; see crds/rbac.yaml", error)
                told = True
            await asyncio.sleep(REFUSED_PAUSE_S)

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look(self._clock())

    def look(self, now: float) -> None:
        """Time in which nobody could have told of a renewal does not make a Lease older.

        Else an API server that is away would let all kubelets look dead, and the guard believe in
        the death of everything that it held back (I10).
        """
        passed, self._looked = now - self._looked, now
        if now - self._answered_at() > UNHEARD_S:
            for node, at in self._store.memory.renewed.items():
                self._store.renewed(node, at + passed)

    def take(self, event: Event) -> None:
        """One Lease as it was listed or watched.

        The first sight of a Lease counts as a change although it proves none: so a fresh operator
        has to watch for as long as any before it calls a Lease stale, and moves nothing because it
        restarted (I4). A Lease that changed while a watch was broken counts from when that is seen.
        """
        meta = event.object.get("metadata") or {}
        node = str(meta.get("name") or "")
        if not node:
            return  # the list is complete
        if event.type == "DELETED":
            self._renewals.pop(node, None)
            return
        renewal = str((event.object.get("spec") or {}).get("renewTime") or "")
        if self._renewals.get(node) != renewal:
            self._renewals[node] = renewal
            self._store.renewed(node, self._clock())
