"""Carries out actions: ordered, bounded, one in flight per object, each asked "may I still write?".

A failure is no exception to the loop but an answer: the object is read again if its version was
stale, and planned again after a pause. Whatever did arrive is what the next plan starts from (I6).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vipa.core import actions as act
from vipa.core.cluster import Key
from vipa.k8s import encode, names
from vipa.k8s.client import ApiError, Client

log = logging.getLogger(__name__)

# Measured on two cores: writes a second rise up to about 32 in flight and fall again after 64.
RECORDS_IN_FLIGHT = 64
OTHERS_IN_FLIGHT = 16
RECORD_DEADLINE_S = 5.0
# The object is gone, is newer, or (422, a uid that does not fit) is another one of the name.
STALE = (404, 409, 422)
PAUSES_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)

Target = tuple[str, Key]


def target(action: act.Action) -> Target:
    """The object that an action writes; a VIPA's record and status are two."""
    if isinstance(action, act.Emit):
        return "Event", Key(action.key.namespace, action.name)
    return type(action).__name__.removeprefix("Write").removeprefix("Delete"), action.key


class Outcome(NamedTuple):
    """`error` None: done. `seconds` from seen to committed. `again`: asked for meanwhile."""

    action: act.Action
    seconds: float
    error: ApiError | None
    again: bool


@dataclass(order=True)
class Job:
    stage: int
    number: int
    action: act.Action = field(compare=False)
    seen_at: float = field(compare=False)


class Executor:
    """`permit` says why not to write, or nothing; `done` hears every outcome."""

    def __init__(
        self,
        client: Client,
        permit: Callable[[], str | None],
        absorb: Callable[[act.Action, list[dict[str, Any]]], None],
        reread: Callable[[str, Mapping[str, Any] | None, Key], None],
        done: Callable[[Outcome], None],
    ) -> None:
        self._client = client
        self._permit = permit
        self._absorb = absorb
        self._reread = reread
        self._done = done
        self._queue: list[Job] = []
        self._number = 0
        self._records = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._busy: set[Target] = set()
        self._again: set[Target] = set()
        self._failures: dict[Target, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pauses: dict[Target, asyncio.TimerHandle] = {}

    def busy(self, action: act.Action) -> bool:
        return target(action) in self._busy

    def writing_record(self, vipa: Key) -> bool:
        return ("Record", vipa) in self._busy

    async def settled(self, at_most_s: float) -> None:
        """Return when no record is under way or waits, or after this time."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._calm.wait()
        except TimeoutError:
            return

    @property
    def idle(self) -> bool:
        return not self._busy

    def submit(self, action: act.Action, seen_at: float) -> bool:
        """Queue an action. False: its object is being written, plan it again when that is done."""
        if self.busy(action):
            self._again.add(target(action))
            return False
        self._busy.add(target(action))
        self._number += 1
        if action.stage == 0:
            self._records += 1
            self._calm.clear()
        heapq.heappush(self._queue, Job(action.stage, self._number, action, seen_at))
        self._start()
        return True

    async def stop(self) -> None:
        self._queue.clear()
        for handle in self._pauses.values():
            handle.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self) -> None:
        while self._queue:
            first = self._queue[0]
            limit = RECORDS_IN_FLIGHT if first.stage == 0 else OTHERS_IN_FLIGHT
            if len(self._tasks) >= limit:
                return
            job = heapq.heappop(self._queue)
            task = asyncio.get_running_loop().create_task(self._run(job))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("executor failed", exc_info=error)
        self._start()

    async def _run(self, job: Job) -> None:
        action = job.action
        error = await self._write(action)
        seconds = time.perf_counter() - job.seen_at
        if error is None:
            self._failures.pop(target(action), None)
            self._finish(action, seconds, None)
            return
        pause = await self._recover(action, error)
        # The object waits, its place in the queue does not: what cannot be written may be many, and
        # must hurt only itself (I9).
        self._pauses[target(action)] = asyncio.get_running_loop().call_later(
            pause, self._finish, action, seconds, error
        )

    def _finish(self, action: act.Action, seconds: float, error: ApiError | None) -> None:
        place = target(action)
        self._pauses.pop(place, None)
        again = place in self._again
        self._again.discard(place)
        self._busy.discard(place)
        if action.stage == 0:
            self._records -= 1
            if not self._records:
                self._calm.set()
        self._done(Outcome(action, seconds, error, again))

    async def _write(self, action: act.Action) -> ApiError | None:
        deadline = RECORD_DEADLINE_S if action.stage == 0 else 10.0
        replies = []
        try:
            for request in encode.requests(action, self._client.clock.now()):
                refusal = self._permit()
                if refusal is not None:
                    return ApiError(0, "NotPermitted", refusal, {})
                replies.append(
                    await self._client.request(
                        request.method,
                        request.path,
                        request.body,
                        content_type=request.content_type,
                        query=request.query,
                        deadline_s=deadline,
                    )
                )
        except ApiError as error:
            if not harmless(action, error):
                return error
        self._absorb(action, replies)
        return None

    async def _recover(self, action: act.Action, error: ApiError) -> float:
        """Look at what is there after a conflict; how long to wait, longer each time."""
        place = target(action)
        count = self._failures.get(place, 0)
        self._failures[place] = count + 1
        if error.status in STALE:
            await self._read(action)
        if error.status == 409 and not count:
            return 0.0
        return PAUSES_S[min(count, len(PAUSES_S) - 1)]

    async def _read(self, action: act.Action) -> None:
        kind, key = action.kind, object_key(action)
        if kind == "Event":
            return
        try:
            raw = await self._client.request("GET", names.path(kind, key.namespace, key.name))
        except ApiError as error:
            if error.status == 404:
                self._reread(kind, None, key)
        else:
            self._reread(kind, raw, key)


def object_key(action: act.Action) -> Key:
    """The name in the API: a record's action goes by its VIPA."""
    if isinstance(action, act.WriteRecord | act.DeleteRecord):
        return Key(action.key.namespace, f"{action.key.name}-owner")
    return action.key


def harmless(action: act.Action, error: ApiError) -> bool:
    """The wish is fulfilled already: gone, or said before."""
    if isinstance(action, act.Emit):
        # 403: the namespace is being deleted, nobody will read it.
        return error.status in (404, 409, 403)
    deletes = (
        act.DeleteRecord
        | act.DeleteService
        | act.DeleteSlice
        | act.DeleteEndpoints
        | act.DeleteStack
    )
    if isinstance(action, deletes):
        return error.status == 404
    if isinstance(action, act.AnnotatePod):
        return error.status == 404 or (error.status in STALE and "uid" in str(error))
    return False
