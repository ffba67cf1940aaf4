"""Drives `core.election` on a thread of its own: the planner's stalls delay no renewal.

It has its own event loop and its own connections. What the rest of the process learns is one value,
the mandate, replaced as a whole: readable at any time from any thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from vipa.core import election
from vipa.core.election import Ask, Lease, Read, Rules, Wait
from vipa.k8s import leases, watch
from vipa.k8s.access import Access
from vipa.k8s.client import ApiError, Client

log = logging.getLogger(__name__)

# Added to what is waited for, in parts of the renew interval: late is always safe.
JITTER = 0.1
RESIGNED_WITHIN_S = 1.0
# A watch that says nothing for as many renew intervals is opened again.
QUIET_RENEWALS = 3


class Mandate(NamedTuple):
    """The right to write: under this term, before this time on the monotonic clock."""

    term: int = 0
    until: float = election.NEVER


NONE = Mandate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """Who stands for what. `identity` is of this process alone."""

    identity: str
    place: leases.Place
    rules: Rules


class Elector:
    """`floor` gives the highest term of a record, or None as long as we are no candidate.

    `told` is called on the elector's thread when leadership begins, ends, or changes its term.
    """

    def __init__(
        self,
        access: Access,
        standing: Election,
        floor: Callable[[], int | None],
        told: Callable[[Mandate], None],
    ) -> None:
        self._access = access
        self._standing = standing
        self._floor = floor
        self._told = told
        self._state = election.State(me=standing.identity, rules=standing.rules)
        self._last = NONE
        self._acquired = ""
        self._complaint: int | None = None
        self._news: asyncio.Event
        self._request: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.mandate = NONE
        self.transitions = 0

    def start(self) -> None:
        """Look at the Lease from here on."""
        threading.Thread(target=self._run, name="elector", daemon=True).start()
        self._ready.wait()

    def wake(self) -> None:
        """The floor has changed: for any thread."""
        self._call(self._wake)

    def resign(self) -> None:
        """Write nothing from here on, and give the Lease back: for any thread. Idempotent."""
        self.mandate = NONE
        self._call(self._resign)

    async def gone(self) -> None:
        """Returns when the Lease has been given back, or cannot be in time."""
        if self._loop is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESIGNED_WITHIN_S):
                    await asyncio.shield(asyncio.wrap_future(self._ended))

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # its loop has ended already
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException:
            # Without it nothing would be written any more, and nobody would know why.
            log.critical("the elector has failed, and so the operator ends", exc_info=True)
            os.kill(os.getpid(), signal.SIGTERM)
            raise
        finally:
            self.mandate = NONE
            self._ready.set()
            self._ended.set_result(None)

    async def _main(self) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._client = Client(self._access)
        self._ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch())
                await self._elect()
                watcher.cancel()
        finally:
            await self._client.close()

    async def _elect(self) -> None:
        """One intent after the other, until we have resigned and hold nothing."""
        while True:
            self._publish()
            self._news.clear()
            intent = election.step(self._state, time.monotonic(), self._floor())
            if isinstance(intent, Wait):
                if self._state.resigned and intent.until == election.FOR_EVER:
                    return
                await self._pause(intent.until)
                continue
            self._request = asyncio.create_task(self._carry_out(intent))
            await asyncio.gather(self._request, return_exceptions=True)
            if self._request.cancelled():
                self._state = election.failed(self._state, time.monotonic())

    async def _pause(self, until: float) -> None:
        """Until then, or until there is news."""
        late = random.uniform(0, JITTER) * self._standing.rules.renew
        timeout = None if until == election.FOR_EVER else until + late - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._news.wait()

    async def _carry_out(self, intent: Read | Ask) -> None:
        begun = time.monotonic()
        left = intent.deadline - begun
        try:
            if isinstance(intent, Read):
                lease = await leases.read(self._client, self._standing.place, left)
            else:
                said = self._say(intent)
                self._state = election.sent(self._state, said.renewed, begun)
                lease = await leases.write(
                    self._client, self._standing.place, intent, said, deadline_s=left
                )
        except ApiError as error:
            self._state = election.failed(self._state, time.monotonic())
            self._complain(error)
        else:
            self._complaint = None
            self._see(lease, time.monotonic())

    def _complain(self, error: ApiError) -> None:
        """Once for each kind of failure, as it is tried again four times in a renew interval; and
        not before we stand, as whoever lists all the rest says it then."""
        news = error.status not in (409, self._complaint) and self._floor() is not None
        log.log(logging.WARNING if news else logging.DEBUG, "the Lease: %s", error)
        if news:
            self._complaint = error.status

    def _say(self, ask: Ask) -> leases.Said:
        """The times that go with a write. Microseconds: no two carry the same one."""
        now = self._client.clock.now_micros()
        if ask.anew:
            self._acquired = now
        return leases.Said(self._standing.rules.duration, self._acquired, now)

    async def _watch(self) -> None:
        """The Lease as it changes. Refused is no end: rights may be given later."""
        place, quiet_s = self._standing.place, QUIET_RENEWALS * self._standing.rules.renew
        while True:
            with contextlib.suppress(ApiError):  # the reader of the Lease says the same, and louder
                stream = watch.follow(
                    self._client, place.collection, params=place.selector, quiet_s=quiet_s
                )
                async for event in stream:
                    if (lease := leases.heard(event)) is not None:
                        self._see(lease, event.at)
            await asyncio.sleep(self._standing.rules.renew)

    def _see(self, lease: Lease, at: float) -> None:
        self._state = election.seen(self._state, lease, at)
        self.transitions = max(self.transitions, lease.transitions)
        self._publish()
        self._wake()

    def _wake(self) -> None:
        self._news.set()

    def _publish(self) -> None:
        """Say what we may do, to whoever asks, and to the loop if it is something else."""
        state = self._state
        leads = election.leads(state, time.monotonic())
        mandate = Mandate(state.term, state.until) if leads else NONE
        self.mandate = mandate
        if mandate.term != self._last.term:
            if mandate.term:
                log.info("leader=%s term=%d", state.me, mandate.term)
            else:
                log.info("leader=%s term=%d over", state.me, self._last.term)
            self._told(mandate)
        self._last = mandate

    def _resign(self) -> None:
        if not self._state.resigned:
            self._state = election.resign(self._state)
            self._publish()
            if self._request is not None:
                self._request.cancel()
            self._wake()
