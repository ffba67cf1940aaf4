"""Carries out actions: ordered, bounded, one in flight per object, each asked "may I still write?".

Nothing is written but under a term of the Lease: what was queued in a term ends with it, unsent and
unsaid, and a request that is under way is waited for no longer than the mandate lasts.

A failure is no exception to the loop but an answer: the object is read again if its version was
stale, and planned again after a pause. Whatever did arrive is what the next plan starts from (I6).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vipa.core import actions as act
from vipa.core.cluster import Key
from vipa.k8s import encode, names
from vipa.k8s.client import ApiError, Client
from vipa.shell.elector import Mandate
from vipa.shell.queue import Job, Queue, Target, target

log = logging.getLogger(__name__)

RECORD_DEADLINE_S = 5.0
# The object is gone, is newer, or (422, a uid that does not fit) is another one of the name.
STALE = (404, 409, 422)
PAUSES_S = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)

NO_MANDATE = "NoMandate"


class Outcome(NamedTuple):
    """`error` None: done. `seconds` from seen to committed. `again`: asked for meanwhile."""

    action: act.Action
    seconds: float
    error: ApiError | None
    again: bool


class TermOver(Exception):
    """The term under which this was queued has ended."""


class Executor:
    """`mandate` says under which term and until when to write; `done` hears every outcome."""

    def __init__(
        self,
        client: Client,
        mandate: Callable[[], Mandate],
        absorb: Callable[[act.Action, list[dict[str, Any]]], None],
        reread: Callable[[str, Mapping[str, Any] | None, Key], None],
        done: Callable[[Outcome], None],
    ) -> None:
        self._client = client
        self._mandate = mandate
        self._absorb = absorb
        self._reread = reread
        self._done = done
        self._queue = Queue()
        self._failures: dict[Target, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pauses: dict[Target, tuple[asyncio.TimerHandle, act.Action]] = {}
        self._term = 0

    def lead(self, term: int) -> None:
        """Take work from here on, under this term; what an earlier one left is dropped."""
        self.follow()
        self._term = term

    def follow(self) -> None:
        """Take no more work, and drop what has not been begun."""
        self._term = 0
        self._queue.drop()
        pauses, self._pauses = self._pauses, {}
        for handle, action in pauses.values():
            handle.cancel()
            self._queue.release(action)
        self._failures.clear()

    def writing_record(self, vipa: Key) -> bool:
        """Whether a decision about its record is under way."""
        return self._queue.deciding(("Record", vipa))

    async def settled(self, at_most_s: float) -> None:
        """Return when no record is under way or waits, or after this time."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._queue.calm.wait()
        except TimeoutError:
            return

    @property
    def idle(self) -> bool:
        return self._queue.idle

    def submit(self, action: act.Action, seen_at: float) -> bool:
        """Queue an action. False: we do not lead, or its object is being written and will be
        planned again when that is done."""
        if not self._term or not self._queue.put(action, seen_at, self._term):
            return False
        self._start()
        return True

    async def stop(self) -> None:
        self._queue.drop()
        for handle, _ in self._pauses.values():
            handle.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self) -> None:
        while (job := self._queue.take(len(self._tasks))) is not None:
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
        try:
            error = await self._write(job)
        except TermOver:
            error = ApiError(0, NO_MANDATE, "the term is over", {})
            self._done(Outcome(action, 0.0, error, self._queue.release(action)))
            return
        seconds = time.perf_counter() - job.seen_at
        if error is None:
            self._failures.pop(target(action), None)
            self._finish(action, seconds, None)
            return
        pause = await self._recover(action, error)
        # The object waits, its place in the queue does not: what cannot be written may be many, and
        # must hurt only itself (I9).
        handle = asyncio.get_running_loop().call_later(pause, self._finish, action, seconds, error)
        self._pauses[target(action)] = (handle, action)

    def _finish(self, action: act.Action, seconds: float, error: ApiError | None) -> None:
        self._pauses.pop(target(action), None)
        again = self._queue.release(action)
        self._done(Outcome(action, seconds, error, again))

    def _until(self, job: Job) -> float:
        """Until when a request of this job may be begun and waited for. Raises TermOver."""
        term, until = self._mandate()
        if term != job.term or until <= time.monotonic():
            raise TermOver
        return until

    async def _write(self, job: Job) -> ApiError | None:
        """The error, or nothing. Raises TermOver if the term ended first."""
        action = job.action
        deadline = RECORD_DEADLINE_S if action.stage == 0 else 10.0
        replies = []
        try:
            for request in encode.requests(action, self._client.clock.now()):
                until = self._until(job)
                replies.append(
                    await self._client.request(
                        request.method,
                        request.path,
                        request.body,
                        content_type=request.content_type,
                        query=request.query,
                        deadline_s=deadline,
                        until=until,
                    )
                )
        except ApiError as error:
            if error.unreachable:
                self._until(job)  # no answer, and nobody waits for one any more
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
