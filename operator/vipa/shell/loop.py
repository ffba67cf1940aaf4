"""The round: what changed goes in, records go out; then everything that tells others about it.

Leading edge at once, trailing edge merged: an observation plans on the next turn of the event loop,
and whatever arrives before that turn is part of the same round. No timer delays a move.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Iterable
from dataclasses import replace

from vipa.core import actions as act
from vipa.core import events, plan
from vipa.core.cluster import Key
from vipa.core.record import Record
from vipa.core.scope import Scope, everything
from vipa.core.snapshot import Snapshot
from vipa.shell.answers import touched_by
from vipa.shell.executor import NO_MANDATE, Executor, Outcome
from vipa.shell.judge import Judge
from vipa.shell.metrics import Metrics
from vipa.shell.store import Store

log = logging.getLogger(__name__)

FULL_PLAN_EVERY_S = 30.0
# Publishing shares the loop with the next takeover: this many VIPAs take about two milliseconds.
CHUNK = 5
PUBLISH_LATEST_S = 0.25
SLICE_PAUSE_S = 0.01
EMITTED_MAX = 50_000


class Loop:
    """Single-flight: `turn` and `publish` never await, so a snapshot holds for all of a plan."""

    def __init__(self, store: Store, executor: Executor, metrics: Metrics) -> None:
        self._store = store
        self._executor = executor
        self._metrics = metrics
        self._open = False
        self._leads = False
        self._scheduled = False
        self._stale = asyncio.Event()
        self._judged = asyncio.Event()
        self._seconds: dict[Key, tuple[str, float]] = {}
        self._givers: dict[Key, tuple[str, str] | None] = {}
        self._judge = Judge(store, metrics)
        store.on_change = self.wake
        store.on_record = self._record_seen

    def open(self) -> None:
        """Everything has been listed: from here on absence means absence, and rounds are held.

        Of a replica that does not lead they end with the plan: it stays warm, and writes nothing.
        """
        self._open = True
        self._store.mark_all()

    def lead(self, term: int) -> None:
        """Write from here on, beginning with what others have written: nothing moves because the
        leader is another one (I4)."""
        self._executor.lead(term)
        self._leads = True
        self._givers.clear()
        self._store.adopt(term)
        for emit in events.recent(self._store.snapshot()):
            self._submit(emit)
        self._store.mark_all()

    def follow(self) -> None:
        """Write no more."""
        self._leads = False
        self._executor.follow()

    def wake(self) -> None:
        if self._open and not self._scheduled:
            self._scheduled = True
            self._judged.clear()
            asyncio.get_running_loop().call_soon(self.turn)

    def turn(self) -> None:
        """One round: judge the stacks that changed, write the records that have to change."""
        self._scheduled = False
        store, started = self._store, time.perf_counter()
        scope, store.urgent = store.urgent, Scope()
        snapshot = store.snapshot()
        self._judge.judge(snapshot, scope)
        free = {key for key in scope.vipas if not self._executor.writing_record(key)}
        moved = 0
        for action in plan.moves(snapshot, free):
            if not self._leads:
                self._metrics.shadowed()
                continue
            former = store.world.records.get(action.key)
            self._givers[action.key] = (former.pod, former.owner_uid) if former else None
            self._executor.submit(action, store.seen_at.get(action.key, started))
            moved += action.reason != act.TERM
        for key in free:
            store.seen_at.pop(key, None)
        self._judged.set()
        self._stale.set()  # only now: what is published follows from the verdicts of this round
        took = time.perf_counter() - started
        # Behind the writes that were just queued: numbers and logs can wait for them.
        asyncio.get_running_loop().call_soon(self._note, len(scope.vipas), moved, took)

    def _note(self, vipas: int, moved: int, took: float) -> None:
        self._metrics.round(took)
        if moved:
            log.info("round vipas=%d moves=%d seconds=%.4f", vipas, moved, took)

    async def publish_forever(self) -> None:
        """Publish what is stale, in slices, when no record is under way or not for long."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            await self._executor.settled(PUBLISH_LATEST_S)
            # What was marked stale a moment ago is not judged yet: published now it would say what
            # was, and nothing would ask again.
            while self._scheduled:
                await self._judged.wait()
            scope, self._store.stale = self._store.stale, Scope()
            if not self._leads:
                # All of it is planned again when we do, and whoever left the group is looked for.
                self._store.strays.clear()
                continue
            for part in slices(scope):
                self.publish(part)
                await asyncio.sleep(0)
            for key, uid in list(self._store.strays.items()):
                self._submit(act.AnnotatePod(key=key, uid=uid, value=None, reason="left the group"))

    async def replan_forever(self) -> None:
        """The safety net: a full plan, which finds nothing if nothing was missed.

        In slices with pauses: in one piece 10,000 VIPAs would stop the loop for most of a second.
        """
        while True:
            await asyncio.sleep(FULL_PLAN_EVERY_S)
            for part in slices(everything(self._store.world)):
                self._store.mark(part)
                await asyncio.sleep(SLICE_PAUSE_S)

    def publish(self, scope: Scope) -> None:
        """One slice: all that others are told, from records as acknowledged."""
        snapshot = self._store.snapshot()
        busy = {key for key in scope.vipas if self._executor.writing_record(key)}
        scope.vipas -= busy  # planned again when their record is acknowledged
        for action in itertools.chain(
            plan.publish_members(snapshot, scope),
            plan.publish_groups(snapshot, scope),
            plan.publish(snapshot, scope),
        ):
            self._submit(self._with_seconds(snapshot, action))

    def _submit(self, action: act.Action) -> None:
        self._executor.submit(action, time.perf_counter())

    def _with_seconds(self, snapshot: Snapshot, action: act.Action) -> act.Action:
        """How long the last move took is known to whoever committed it, not to a plan."""
        if isinstance(action, act.WriteVipaStatus) and action.status.seconds is None:
            fence, seconds = self._seconds.get(action.key, ("", 0.0))
            if fence and fence == action.status.fence:
                status = replace(action.status, seconds=round(seconds, 4))
                return replace(action, status=status)
        return action

    def done(self, result: Outcome) -> None:
        """Hear an outcome: wanted and acknowledged are compared again after each."""
        action, error = result.action, result.error
        if error is not None and error.reason == NO_MANDATE:
            if result.again:
                self._store.mark(touched_by(action))
            return
        self._metrics.action(action, error)
        record = isinstance(action, act.WriteRecord | act.DeleteRecord)
        giver = self._givers.pop(action.key, None) if record else None
        if error is not None:
            log.warning("%s %s failed: %s", type(action).__name__, action.key, error)
            if isinstance(action, act.Emit) and error.status not in (400, 422):
                self._submit(action)  # nothing but this event knows of it any more
        elif isinstance(action, act.WriteRecord):
            self._committed(action, result.seconds, giver)
        elif isinstance(action, act.Emit):
            self._said(action)
        if record or error is not None or result.again:
            self._store.mark(touched_by(action))

    def _committed(
        self, action: act.WriteRecord, seconds: float, giver: tuple[str, str] | None
    ) -> None:
        """A move arrived: say so at once, with the time that it took."""
        record, vipa = action.record, self._store.world.vipas.get(action.key)
        move = record.last_move
        if vipa is None or move is None or vipa.status.last_move == move:
            return
        if action.reason in ("Repaired", "Created", act.TERM):
            return
        self._seconds[action.key] = (record.fence, seconds)
        self._metrics.move(action.key, move, seconds)
        log.info(
            "move vipa=%s from=%s to=%s reason=%s epoch=%d seconds=%.4f",
            action.key,
            move.source or "-",
            move.to or "-",
            move.reason,
            record.epoch,
            seconds,
        )
        for emit in events.of_move(vipa, record, giver, seconds):
            self._submit(emit)

    def _said(self, action: act.Emit) -> None:
        emitted = self._store.memory.emitted
        assert isinstance(emitted, set)
        if len(emitted) > EMITTED_MAX:
            emitted.clear()  # at worst an event is posted again under its own name and refused
        emitted.add(action.name)

    def _record_seen(self, before: Record | None, record: Record) -> None:
        """A record that is not what we wrote: an administrator's, to be adopted or overruled."""
        if before is None or record.vipa_uid != before.vipa_uid:
            return
        if not self._leads or record.term < self._store.settings.term:
            return  # the leader's own, or a former one's that is seen only now
        if record.epoch > before.epoch and not self._executor.writing_record(record.vipa):
            vipa = self._store.world.vipas.get(record.vipa)
            if vipa is not None:
                self._submit(events.conflict(vipa, record))


def slices(scope: Scope) -> Iterable[Scope]:
    """A scope in parts that are planned without letting a takeover wait."""
    yield Scope(sysplexes=scope.sysplexes)
    stacks = sorted(scope.stacks)
    for start in range(0, len(stacks), CHUNK * 4):
        yield Scope(stacks=set(stacks[start : start + CHUNK * 4]))
    vipas = sorted(scope.vipas)
    for start in range(0, len(vipas), CHUNK):
        yield Scope(vipas=set(vipas[start : start + CHUNK]))
    pods = sorted(scope.pods)
    for start in range(0, len(pods), CHUNK * 4):
        yield Scope(pods=set(pods[start : start + CHUNK * 4]))
    yield Scope(backups=scope.backups)
