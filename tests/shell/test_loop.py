"""The loop's order: decided first, told afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tests.builders import NOW, key, settled, vipa

from vipa.core import actions as act
from vipa.core import scope as scopes
from vipa.core.snapshot import Settings
from vipa.shell.loop import Loop
from vipa.shell.metrics import Metrics
from vipa.shell.store import Store


class Hands:
    """An executor that carries nothing out and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[act.Action] = []
        self.calm = asyncio.Event()
        self.waiting = asyncio.Event()
        self.counted = asyncio.Event()

    def lead(self, term: int) -> None:
        """It leads."""

    def submit(self, action: act.Action, seen_at: float) -> bool:
        self.given.append(action)
        if isinstance(action, act.WriteSysplexStatus):
            self.counted.set()
        return True

    def writing_record(self, vipa: Any) -> bool:
        return False

    async def settled(self, at_most_s: float) -> None:
        self.waiting.set()
        await self.calm.wait()


def test_change_seen_while_records_settle_is_judged_before_it_is_told() -> None:
    async def scene() -> list[act.Action]:
        found = settled(vipa())
        store = Store(Settings(), lambda: NOW)
        store.world, store.memory = found.world, replace(found.memory, emitted=set())
        hands = Hands()
        loop = Loop(store, hands, Metrics())  # type: ignore[arg-type]
        loop.open()
        loop.lead(1)
        teller = asyncio.create_task(loop.publish_forever())
        await hands.waiting.wait()
        hands.given.clear()
        sysb = found.world.pods[key("sysb")]
        hands.calm.set()  # the teller wakes up before the round that is due to the change
        store.mark(scopes.absorb(store.world, replace(sysb, ready=False)))
        async with asyncio.timeout(5):
            await hands.counted.wait()
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)
        return hands.given

    told = [a for a in asyncio.run(scene()) if isinstance(a, act.WriteSysplexStatus)]
    assert [(a.key.name, a.status.active) for a in told] == [("plex1", 1)]
