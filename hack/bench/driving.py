"""One change at a time: patch a pod, wait until the watcher saw what follows, then rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

from hack.bench import records, world
from hack.bench.crew import Crew, State
from hack.bench.processes import FailedError

from vipa.k8s import names
from vipa.k8s.client import Client

SEEN_WITHIN_S = 60.0
# After the last that is known to follow: the annotations and statuses of others.
REST_S = 0.04
CALM_S = 0.02
OURS, FLOOR, STOCK = "ours", "floor", "stock"
# The same pod and patch, both at work at once: the later one waits for the earlier one's write.
OURS_BESIDE, STOCK_BESIDE = "ours beside stock", "stock beside ours"
PATCH = "application/strategic-merge-patch+json"


class Sample(NamedTuple):
    """`version` is the pod's after the patch; a time is of the common clock.

    `cpu_s`: processor time of the operator from the patch until it rests again.
    """

    kind: str
    size: int
    repetition: int
    ready: bool
    pod: str
    version: str
    patched_at: float
    saw_at: float
    cpu_s: float


class Turn(NamedTuple):
    """Whose pods are changed, which, and what is awaited, by kind."""

    namespace: str
    pod: Callable[[int], str]
    numbers: list[int]
    kinds: tuple[str, ...]


def turns(size: int) -> tuple[Turn, ...]:
    """Each alone and both at once, by turns: a drift of the machine meets all alike."""
    every = range(size)
    alone = [number for number in every if not world.has_stock(number)]
    shared = [number for number in every if world.has_stock(number)]
    return (
        Turn(world.NAMESPACE, world.stack, alone, (OURS,)),
        Turn(records.NAMESPACE, world.floor_pod, list(every), (FLOOR,)),
        Turn(world.NAMESPACE, world.stack, shared[::2], (STOCK,)),
        Turn(world.NAMESPACE, world.stack, shared[1::2], (OURS_BESIDE, STOCK_BESIDE)),
    )


class Driver:
    """Takes samples with one crew."""

    def __init__(self, client: Client, crew: Crew, size: int, repetition: int) -> None:
        self._client = client
        self._crew = crew
        self._size = size
        self._repetition = repetition

    async def visits(self, first: int, count: int) -> list[Sample]:
        """Each visit takes one pod of each turn down and up again: two samples of each kind."""
        found: list[Sample] = []
        for visit in range(first, first + count):
            for ready in (False, True):
                for turn in turns(self._size):
                    step = max(1, len(turn.numbers) // count)
                    number = turn.numbers[visit * step % len(turn.numbers)]
                    found += await self._change(turn, number, ready)
        return found

    async def _change(self, turn: Turn, number: int, ready: bool) -> list[Sample]:
        crew, name = self._crew, turn.pod(number)
        crew.check()
        ours = {OURS, OURS_BESIDE}.intersection(turn.kinds)
        epoch = self._record(number).epoch + 1
        ran = crew.operator.ran()
        # Others are measured as if there were no operator: it gets no processor time meanwhile.
        with nullcontext() if ours else crew.operator.paused():
            awaited = [self._expect(kind, number, ready) for kind in turn.kinds]
            at = time.perf_counter()
            pod = await self._patch(turn.namespace, name, ready)
            states = await self._all(awaited, f"{turn.kinds} of {name} Ready={ready}")
        version = pod["metadata"]["resourceVersion"]
        if turn.namespace == world.NAMESPACE:
            await self._told(number, epoch)
        await asyncio.sleep(REST_S)
        await crew.operator.calm(CALM_S, SEEN_WITHIN_S)
        ran = crew.operator.ran() - ran
        return [
            Sample(kind, self._size, self._repetition, ready, name, version, at, state.at, ran)
            for kind, state in zip(turn.kinds, states, strict=True)
        ]

    def _expect(self, kind: str, number: int, ready: bool) -> asyncio.Future[State]:
        sightings = self._crew.sightings
        if kind in (STOCK, STOCK_BESIDE):
            place = f"{world.NAMESPACE}/stock-{world.stack(number)}"
            return sightings.expect("stock", place, lambda state: state.owner == str(ready))
        if kind == FLOOR:
            primary = world.floor_pod(number)
            place = f"{records.NAMESPACE}/{records.name_of(primary)}"
        else:
            primary = world.stack(number)
            place = f"{world.NAMESPACE}/{world.vipa(number)}-owner"
        epoch = sightings.state("record", place).epoch + 1
        return sightings.expect(
            "record",
            place,
            lambda state: state.epoch == epoch and (state.owner == primary) == ready,
        )

    def _record(self, number: int) -> State:
        name = f"{world.NAMESPACE}/{world.vipa(number)}-owner"
        return self._crew.sightings.state("record", name)

    async def _told(self, number: int, epoch: int) -> None:
        """Until the operator has written the status of the VIPA as well."""
        sightings = self._crew.sightings
        name = f"{world.NAMESPACE}/{world.vipa(number)}"
        if sightings.state("vipa", name).epoch != epoch:
            told = sightings.expect("vipa", name, lambda state: state.epoch == epoch)
            await self._all([told], f"the status of {name}")

    async def _all(self, awaited: list[asyncio.Future[State]], what: str) -> list[State]:
        try:
            async with asyncio.timeout(SEEN_WITHIN_S):
                return [await one for one in awaited]
        except TimeoutError as error:
            raise FailedError(f"the watcher did not see {what} within {SEEN_WITHIN_S} s") from error
        finally:
            self._crew.sightings.forget()

    async def _patch(self, namespace: str, name: str, ready: bool) -> dict[str, Any]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": type_, "status": str(ready), "reason": "Bench", "lastTransitionTime": now}
            for type_ in ("Ready", "ContainersReady")
        ]
        body = {"status": {"conditions": conditions}}
        path = names.path("Pod", namespace, name, "status")
        return await self._client.request("PATCH", path, body, content_type=PATCH)
