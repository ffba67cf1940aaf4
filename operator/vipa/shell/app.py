"""The operator, assembled: start, run under kopf, stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

import kopf
import uvloop

from vipa.core.snapshot import Settings
from vipa.k8s import access, leases
from vipa.k8s.client import ApiError, Client
from vipa.shell import dialling, handlers, probe
from vipa.shell.answers import absorber
from vipa.shell.elector import Elector, Mandate
from vipa.shell.endpoint import Endpoint
from vipa.shell.executor import Executor, Outcome
from vipa.shell.loop import Loop
from vipa.shell.metrics import ElectionCollector, Metrics, StoreCollector
from vipa.shell.monitor import Prober
from vipa.shell.settings import Options
from vipa.shell.sight import Sight, refuse
from vipa.shell.store import Store
from vipa.shell.witness import Witness

log = logging.getLogger(__name__)


class Operator:
    """One replica. `start` returns when all has been listed and the first plan is under way."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._standing = options.standing
        self._tasks: list[asyncio.Task[None]] = []
        self._before: set[asyncio.Task[Any]] = set()
        self._client: Client | None = None
        self._watch: Client | None = None
        self._endpoint: Endpoint | None = None
        self._executor: Executor | None = None
        self._sight: Sight | None = None
        self._prober: Prober | None = None
        self._witness: Witness | None = None
        self._elector: Elector | None = None
        self.on_login: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Idempotent. Raises access.NoAccess and sight.NotAllowed."""
        self._before = asyncio.all_tasks()
        if self._client is not None:
            return
        options = self._options
        found = await access.find(options.kubeconfig, options.context)
        client = self._client = Client(found)
        # Streams apart from writes: neither waits for the other.
        self._watch = Client(found, patient=True)
        store = Store(Settings(allowed=options.allowed, probes=True), client.clock.now)
        metrics = Metrics()
        loop = self._assemble(found, store, metrics)
        elector = self._elector
        assert elector is not None
        sight = self._sight = Sight(client, store)
        metrics.registry.register(StoreCollector(store, sight.last_event_s, time.perf_counter))
        metrics.registry.register(
            ElectionCollector(lambda: elector.mandate, lambda: elector.transitions)
        )
        prober = self._monitor(store, sight, metrics, self._watch)
        self._endpoint = Endpoint(metrics, sight)
        await self._endpoint.start(options.host, options.port)
        elector.start()  # to look: how long the Lease is left alone counts from now on
        started = time.perf_counter()
        await sight.sync()
        gc.collect()
        gc.freeze()  # the caches of the first list live as long as we do
        log.info("synced objects=%d seconds=%.2f", len(store), time.perf_counter() - started)
        await self._may_stand(client)
        loop.open()
        prober.start()
        elector.wake()  # and now to stand for it
        self._work_in_background(
            loop.publish_forever(),
            loop.replan_forever(),
            sight.compare_forever(),
            sight.ask_forever(),
            sight.note_forever(),
            self._endpoint.measure_lag_forever(),
        )

    async def _may_stand(self, client: Client) -> None:
        """Raises NotAllowed where the Lease may not even be read: we should never lead."""
        try:
            await leases.read(client, self._standing.place, 10.0)
        except ApiError as error:
            refuse(error)

    def _assemble(self, found: access.Access, store: Store, metrics: Metrics) -> Loop:
        """Loop, executor and elector: each is told of by the next one."""
        assert self._client is not None
        here = asyncio.get_running_loop()
        loop: Loop

        def heard(outcome: Outcome) -> None:
            loop.done(outcome)

        def led(mandate: Mandate) -> None:
            if mandate.term:
                loop.lead(mandate.term)
                if self._sight is not None:
                    self._work_in_background(self._sight.sweep())
            else:
                loop.follow()

        def told(mandate: Mandate) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                here.call_soon_threadsafe(led, mandate)

        def floor() -> int | None:
            synced = self._sight is not None and self._sight.synced
            return store.highest_term if synced else None

        elector = self._elector = Elector(found, self._standing, floor, told)
        store.on_term = elector.wake
        self._executor = Executor(
            client=self._client,
            mandate=lambda: elector.mandate,
            absorb=absorber(store),
            reread=store.reread,
            done=heard,
        )
        loop = Loop(store, self._executor, metrics)
        return loop

    def resign(self) -> None:
        """The first thing at a SIGTERM: another replica can go on from this moment."""
        if self._elector is not None:
            self._elector.resign()

    def _monitor(self, store: Store, sight: Sight, metrics: Metrics, client: Client) -> Prober:
        """On every replica, not only where the Lease is: a new leader knows who answers."""
        ask = functools.partial(probe.ask, dialling.from_environment())
        prober = self._prober = Prober(store, ask, lambda now: sight.blind_since(now) is not None)
        prober.tell(metrics.registry)
        prober.lateness.on_behind = store.behind
        self._witness = Witness(client, store, sight.answered_at)
        prober.on_asking = self._witness.want
        return prober

    def _work_in_background(self, *works: Coroutine[Any, Any, None]) -> None:
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(_complain)
            self._tasks.append(task)

    async def stop(self) -> None:
        """End own tasks, and what kopf began and has not ended: it waits five seconds for each.

        Those are its other watchers when one has failed, and requests of its start. Without a
        session they would wait for a new login and hold the process until it is killed.
        """
        if self._elector is not None:
            self._elector.resign()
            await self._elector.gone()
        for watching in (self._prober, self._witness):
            if watching is not None:
                await watching.stop()
        left = asyncio.all_tasks() - self._before - {asyncio.current_task()}
        for task in (*self._tasks, *left):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._executor is not None:
            await self._executor.stop()
        if self._endpoint is not None:
            await self._endpoint.stop()
        for client in (self._client, self._watch):
            if client is not None:
                await client.close()

    def session(self) -> kopf.AiohttpSession:
        """For kopf, which logs in when all of it has been set up."""
        assert self._watch is not None
        self.on_login()
        return kopf.AiohttpSession(
            server=self._watch.access.server,
            aiohttp_session=self._watch.session,
            default_namespace=self._watch.access.namespace,
        )

    def event(self, kind: str, type_: str | None, raw: dict[str, Any]) -> None:
        assert self._sight is not None
        self._sight.event(kind, type_, raw)


def _complain(task: asyncio.Task[None]) -> None:
    """A background task never ends by itself; one that does is a defect to be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a background task ended", exc_info=error)


async def operate(options: Options) -> None:
    """Run until SIGTERM or SIGINT. Raises what `Operator.start` raises."""
    operator = Operator(options)
    registry = kopf.OperatorRegistry()
    handlers.register(registry, operator)
    told = asyncio.Event()
    main = asyncio.current_task()
    assert main is not None

    def end() -> None:
        operator.resign()
        told.set()
        main.cancel()

    def heed() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)

    # Nobody else would hear a signal yet: process 1 of a container has no handlers by default. And
    # once more in place of kopf's own, which would begin with the rest and end with the Lease.
    heed()
    operator.on_login = heed
    try:
        await operator.start()
        await kopf.operator(registry=registry, clusterwide=True, standalone=True)
    except asyncio.CancelledError:
        if not told.is_set():
            raise
    finally:
        await operator.stop()


def run(options: Options) -> None:
    """`vipa operator`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(operate(options))
