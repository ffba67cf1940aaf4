"""Under which term something is written, and that nothing is without one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from tests.builders import key, settled, vipa

from vipa.core import actions as act
from vipa.core.record import Record
from vipa.k8s.client import ApiError
from vipa.shell.elector import NONE, Mandate
from vipa.shell.executor import NO_MANDATE, Executor, Outcome
from vipa.shell.queue import RECORDS_IN_FLIGHT


class Wire:
    """A client whose requests hang until they are let go."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.until: list[float] = []
        self.go = asyncio.Event()
        self.error: ApiError | None = None
        self.clock = self

    def now(self) -> str:
        return "2026-01-31T12:00:00Z"

    async def request(self, method: str, path: str, *_: Any, until: float, **__: Any) -> Any:
        self.sent.append(f"{method} {path.rpartition('/')[2]}")
        self.until.append(until)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {}


class Office:
    """An executor with a mandate that can be taken away."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.mandate = Mandate(3, math.inf)
        self.outcomes: list[Outcome] = []
        self.news = asyncio.Event()
        self.executor = Executor(
            client=self.wire,  # type: ignore[arg-type]
            mandate=lambda: self.mandate,
            absorb=lambda action, replies: None,
            reread=lambda kind, raw, key: None,
            done=self.done,
        )

    def done(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.news.set()

    def submit(self, name: str, reason: str) -> bool:
        return self.executor.submit(write(name, reason), time.perf_counter())

    async def heard(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.outcomes) < count:
                self.news.clear()
                await self.news.wait()
        return [one.error.reason if one.error else "ok" for one in self.outcomes]


RECORD = next(iter(settled(vipa()).world.records.values()))


def write(name: str, reason: str) -> act.WriteRecord:
    record: Record = replace(RECORD, vipa=key(name), version="7")
    return act.WriteRecord(key=record.vipa, record=record, reason=reason)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_nothing_is_taken_without_a_term() -> None:
    async def scene() -> None:
        office = Office()
        assert not office.submit("web", "OwnerFailed")
        office.executor.lead(3)
        assert office.submit("web", "OwnerFailed")
        await turns()
        assert office.wire.sent == ["PUT web-owner"]
        await office.executor.stop()

    run(scene())


def test_what_was_queued_in_a_term_that_is_over_is_not_begun() -> None:
    async def scene() -> None:
        office = Office()
        office.executor.lead(3)
        office.submit("web", "OwnerFailed")
        office.mandate = Mandate(5, math.inf)
        assert await office.heard(1) == [NO_MANDATE]
        office.mandate = Mandate(3, time.monotonic())
        office.submit("web", "OwnerFailed")
        assert await office.heard(2) == [NO_MANDATE] * 2
        assert office.wire.sent == []

    run(scene())


def test_request_is_waited_for_no_longer_than_the_mandate_lasts() -> None:
    async def scene() -> None:
        office = Office()
        office.executor.lead(3)
        office.mandate = Mandate(3, time.monotonic() + 60)
        office.submit("web", "OwnerFailed")
        await turns()
        assert office.wire.until == [office.mandate.until]
        office.mandate = NONE
        office.wire.error = ApiError(0, "Unreachable", "no answer", {})
        office.wire.go.set()
        assert await office.heard(1) == [NO_MANDATE], "nobody complains, and nobody tries again"

    run(scene())


def test_follower_forgets_its_queue() -> None:
    async def scene() -> None:
        office = Office()
        office.executor.lead(3)
        for number in range(RECORDS_IN_FLIGHT + 5):
            office.submit(f"v{number}", "OwnerFailed")
        await turns()
        office.executor.follow()
        office.wire.go.set()
        await office.heard(RECORDS_IN_FLIGHT)
        await turns()
        assert len(office.wire.sent) == RECORDS_IN_FLIGHT
        assert not office.executor.writing_record(key("v70"))
        async with asyncio.timeout(5):
            await office.executor.settled(5)

    run(scene())


def test_failed_write_of_a_former_term_keeps_nobody_waiting() -> None:
    async def scene() -> None:
        office = Office()
        office.executor.lead(3)
        office.wire.error = ApiError(500, "", "away", {})
        office.wire.go.set()
        office.submit("web", "OwnerFailed")
        await turns()
        assert office.executor.writing_record(key("web")), "it pauses"
        office.mandate = Mandate(5, math.inf)
        office.executor.lead(5)
        office.wire.error = None
        assert office.submit("web", "OwnerFailed")
        assert await office.heard(1) == ["ok"]

    run(scene())


def test_move_goes_before_terms_and_takes_the_place_of_its_own() -> None:
    async def scene() -> None:
        office = Office()
        office.executor.lead(3)
        for number in range(RECORDS_IN_FLIGHT):
            office.submit(f"busy{number}", act.TERM)
        await turns()
        for name in ("one", "two", "web"):
            office.submit(name, act.TERM)
        assert not office.executor.writing_record(key("web")), "a decision need not wait for it"
        assert office.submit("web", "OwnerFailed")
        assert office.executor.writing_record(key("web"))
        office.wire.go.set()
        await office.heard(RECORDS_IN_FLIGHT + 3)
        assert office.wire.sent[RECORDS_IN_FLIGHT:] == [
            "PUT web-owner",
            "PUT one-owner",
            "PUT two-owner",
        ]
        reasons = [one.action.reason for one in office.outcomes if one.action.key == key("web")]
        assert reasons == ["OwnerFailed"]

    run(scene())
