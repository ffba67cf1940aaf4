"""What waits to be written: records first, then in order; of each object one write at a time."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field

from vipa.core import actions as act
from vipa.core.cluster import Key

# Measured on two cores: writes a second rise up to about 32 in flight and fall again after 64.
RECORDS_IN_FLIGHT = 64
OTHERS_IN_FLIGHT = 16

Target = tuple[str, Key]


def target(action: act.Action) -> Target:
    """The object that an action writes; a VIPA's record and status are two."""
    if isinstance(action, act.Emit):
        return "Event", Key(action.key.namespace, action.name)
    return type(action).__name__.removeprefix("Write").removeprefix("Delete"), action.key


@dataclass(order=True)
class Job:
    """`term`: under which it was queued. `void`: replaced before it was begun."""

    stage: int
    upkeep: bool
    number: int
    action: act.Action = field(compare=False)
    seen_at: float = field(compare=False)
    term: int = field(compare=False)
    void: bool = field(compare=False, default=False)


class Queue:
    """An object is busy from `put` until `release`, whether its write waits, runs or pauses.

    `calm`: no record is under way or waits.
    """

    def __init__(self) -> None:
        self.calm = asyncio.Event()
        self.calm.set()
        self._heap: list[Job] = []
        self._number = 0
        self._records = 0
        self._busy: set[Target] = set()
        self._again: set[Target] = set()
        self._upkeep: dict[Target, Job] = {}

    @property
    def idle(self) -> bool:
        return not self._busy

    def deciding(self, place: Target) -> bool:
        """Whether a decision about an object is under way. A term that is only to be brought up to
        date, and has not been begun, keeps no decision waiting."""
        return place in self._busy and place not in self._upkeep

    def put(self, action: act.Action, seen_at: float, term: int) -> bool:
        """False: its object is busy; `release` will say that it was asked for meanwhile."""
        place = target(action)
        if (waiting := self._upkeep.pop(place, None)) is not None:
            waiting.void = True
            self.release(waiting.action)
        if place in self._busy:
            self._again.add(place)
            return False
        self._busy.add(place)
        self._number += 1
        if action.stage == 0:
            self._records += 1
            self.calm.clear()
        upkeep = isinstance(action, act.WriteRecord) and action.reason == act.TERM
        job = Job(action.stage, upkeep, self._number, action, seen_at, term)
        if upkeep:
            self._upkeep[place] = job
        heapq.heappush(self._heap, job)
        return True

    def take(self, in_flight: int) -> Job | None:
        """The next one to begin, if so many in flight leave room for it."""
        while self._heap:
            limit = RECORDS_IN_FLIGHT if self._heap[0].stage == 0 else OTHERS_IN_FLIGHT
            if in_flight >= limit:
                return None
            job = heapq.heappop(self._heap)
            if not job.void:
                self._upkeep.pop(target(job.action), None)
                return job
        return None

    def release(self, action: act.Action) -> bool:
        """Its object is free again. Whether it was asked for meanwhile."""
        place = target(action)
        again = place in self._again
        self._again.discard(place)
        self._busy.discard(place)
        if action.stage == 0:
            self._records -= 1
            if not self._records:
                self.calm.set()
        return again

    def drop(self) -> None:
        """Forget and release whatever has not been begun."""
        heap, self._heap = self._heap, []
        for job in heap:
            if not job.void:
                self.release(job.action)
        self._upkeep.clear()
