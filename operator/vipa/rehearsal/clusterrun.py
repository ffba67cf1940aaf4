"""One cluster for many rehearsals, one after the other: the operator, the streams, the clearing up.

Whatever has to be seen as one snapshot is written while there is no operator; it changes nothing
that one was there before, because all that it needs to remember is in the API (I4).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vipa.core.reasons import Candidate
from vipa.k8s import names
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal import steps as do
from vipa.rehearsal.clusterobjects import LABEL, NAMESPACES
from vipa.rehearsal.clusterverbs import Verbs
from vipa.rehearsal.clusterworld import ClusterWorld
from vipa.rehearsal.given import in_two
from vipa.rehearsal.hearing import Hearing
from vipa.rehearsal.lens import Lens
from vipa.rehearsal.observation import Observation
from vipa.rehearsal.processes import TAIL, Forks, Operator, ProcessError, command
from vipa.rehearsal.relay import Relay
from vipa.rehearsal.stage import Raw, Stage
from vipa.rehearsal.standin import Standin
from vipa.rehearsal.steps import Given, Verb
from vipa.rehearsal.watching import Watching

HOLD_S = 1.0
POLLED_S = 15.0
GLANCE_S = 0.02
JOINED_WITHIN_S = 60.0
UNSETTLED = ("", Candidate.JOINING, Candidate.UNRESPONSIVE)
COMMAND_WITHIN_S = 40.0
# Ages are told in whole seconds, and what is written as one snapshot is of one age in the model.
LATE_IN_A_SECOND = 0.6
CLEARED = ("VIPA", "VIPABackup", "Stack", "Sysplex", "EndpointSlice", "Service", "Pod")


@dataclass(frozen=True, slots=True)
class Ways:
    """How processes start, probes are answered, and the operator reaches the API server; how names
    of a file are found again, and who plays nodes and pods."""

    forks: Forks
    standin: Standin
    relay: Relay
    lens: Callable[[str], Lens] = Lens
    stage: Callable[[Client, Callable[[Raw], None]], Stage] = Stage


class ClusterRun:
    """`kubeconfig`: the arguments that name the cluster to a command of `vipa`."""

    def __init__(
        self, client: Client, operator: Operator, kubeconfig: Sequence[str], ways: Ways
    ) -> None:
        self.client = client
        self.operator = operator
        self._ways = ways
        self._kubeconfig = list(kubeconfig)
        self._stage = ways.stage(client, self._wrote)
        self._watching = Watching(client, self._hear)
        self._fresh()

    @property
    def _sees(self) -> bool:
        return self._ways.relay.whole

    def _wrote(self, raw: Raw) -> None:
        self.seen.wrote(raw)

    def _hear(self, kind: str, type_: str, line: bytes) -> None:
        self.seen.hear(kind, type_, line)

    def _fresh(self) -> None:
        self.seen = ClusterWorld(self._ways.lens(f"r{secrets.token_hex(3)}-"))
        self._ways.relay.mend()
        hearing = Hearing(self.seen, self._ways.standin)
        self._verbs = Verbs(self.client, self._stage, self.seen, hearing, self._command)
        self.restless: tuple[str, ...] = ()
        self._began = self._until = 0.0

    async def open(self) -> None:
        """Raises ApiError. What an engine that was broken off has left behind is removed."""
        self._watching.open()
        await self._stage.open()
        where = ((NAMESPACES, self._clear_namespace), (names.path("Node"), self._clear_node))
        for path, clear in where:
            body = await self.client.request("GET", path, query=(("labelSelector", LABEL),))
            await asyncio.gather(*(clear(one["metadata"]["name"]) for one in body["items"]))

    async def close(self) -> None:
        await self.operator.kill()
        await self._clear()
        await self._stage.close()
        await self._watching.close()

    async def setup(self, given: Given) -> None:
        await self.operator.kill()
        await self._clear()
        self.operator.forget_log()
        self._fresh()
        first, later = in_two(given)
        await _early_in_a_second()
        await self._verbs.given(first)
        await self._start()
        if later:
            await self._joined()
            await self.operator.kill()
            await _early_in_a_second()
            await self._verbs.objects_given(later)
            await self._start()

    async def _joined(self) -> None:
        """Every stack of what is given has answered, and has waited as long as it has to."""
        deadline = time.monotonic() + JOINED_WITHIN_S
        while time.monotonic() < deadline and self.operator.running:
            self._watching.check()
            stacks = self.seen.world.stacks.values()
            if not any(stack.status.reason in UNSETTLED for stack in stacks):
                return
            await asyncio.sleep(GLANCE_S)

    async def do(self, verbs: Sequence[Verb], *, live: bool) -> None:
        """Carry them out and come to rest; with `live` the operator sees one after the other."""
        self.seen.begin()
        began = time.monotonic()
        apart = not live and self._sees and self._verbs.needs_peace(verbs)
        if apart:
            await self.operator.kill()
            if sum(isinstance(verb, do.Apply | do.Start) for verb in verbs) > 1:
                await _early_in_a_second()
        await self._verbs.next_step()
        for verb in verbs:
            await self._verbs.happen(verb)
        if apart:
            await self._start()
        else:
            await self._settle(began)

    async def settle(self) -> None:
        self.seen.begin()
        await self._settle()

    async def restart(self) -> None:
        self.seen.begin()
        await self.operator.kill()
        await self._verbs.next_step()
        await self._start()

    async def lose_leader(self) -> None:
        self.seen.begin()
        await self._verbs.next_step()
        await self._start(lost=True)

    async def blind(self, blind: bool) -> None:
        self.seen.begin()
        began = time.monotonic()
        await self._verbs.next_step()
        if blind:
            self._ways.relay.cut()
        else:
            self._ways.relay.mend()
        if self.operator.running:
            await self._settle(began)
        else:
            await self._start()  # whoever ends without sight is started again, as by a kubelet

    async def wait(self, seconds: float) -> None:
        """The only time that passes because a file says so."""
        self.seen.begin()
        began = time.monotonic()
        await self._verbs.next_step()
        while (left := began + seconds - time.monotonic()) > 0:
            self._watching.check()
            end = self._verbs.next_end()
            await asyncio.sleep(left if end is None else min(left, max(end - time.monotonic(), 0)))
            await self._verbs.elapsed()
        await self._settle(began)

    async def waits(self) -> bool:
        """Wait for anything to change, and to come to rest. False: nothing did for too long."""
        before = self.seen.heard
        while self.operator.running and time.monotonic() < self._until:
            self._watching.check()
            if self.seen.heard != before:
                await self._rest()
                return True
            await asyncio.sleep(GLANCE_S)
        return False

    async def _start(self, *, lost: bool = False) -> None:
        """An operator that does not start fails the rehearsal, not the engine. `lost`: another
        replica takes over from the one that runs."""
        try:
            if lost:
                await self.operator.give_way(sees=self._sees)
            else:
                await self.operator.start(sees=self._sees)
        except ProcessError as error:
            self.restless = (str(error),)
        else:
            await self._settle()

    async def _settle(self, began: float | None = None) -> None:
        """`began`: when the verbs were; else now, for the operator has only just been started."""
        now = self.seen.changed_at = time.monotonic()
        self._began = now if began is None else began
        self._until = now + POLLED_S
        await self._rest()

    async def _rest(self) -> None:
        """Until nothing has changed for the time that an expectation has to hold."""
        self.restless = ()
        while (left := self.seen.changed_at + HOLD_S - time.monotonic()) > 0:
            self._watching.check()
            if time.monotonic() > self._until:
                last = list(self.seen.actions())[-3:]
                self.restless = (f"no rest within {POLLED_S:g} s, at last: {'; '.join(last)}",)
                return
            await asyncio.sleep(left)
        if not self.operator.running and self._sees:
            self.restless = (f"the operator ended by itself:\n{self.operator.log()[-TAIL:]}",)

    def observation(self) -> Observation:
        found = self.seen.observation(self.client.clock.now(), self.restless, self._began)
        return self._verbs.hearing.told(replace(found, blind=not self._sees))

    async def _command(self, arguments: list[str]) -> str:
        """A command of `vipa`: what it printed if it refused."""
        line = [*arguments, *self._kubeconfig]
        code, text = await command(self._ways.forks, line, COMMAND_WITHIN_S)
        return text or f"exit code {code}" if code else ""

    async def _clear(self) -> None:
        """Remove the run's objects, so that no address is taken when the next one begins.

        The namespaces themselves go when their controller gets to it: nobody waits for that.
        """
        spaces = [self.seen.lens.name(one) for one in sorted(self._verbs.objects.namespaces)]
        await asyncio.gather(self._stage.strike_nodes(), *map(self._clear_namespace, spaces))
        self._stage.forget()

    async def _clear_namespace(self, name: str) -> None:
        at_once: Raw = {"gracePeriodSeconds": 0}
        for kind in CLEARED:
            await self._remove(names.path(kind, name), at_once)
        await self._remove(f"{NAMESPACES}/{name}")

    async def _clear_node(self, name: str) -> None:
        await self._remove(names.path("Node", name=name))
        await self._stage.node_deleted(name)

    async def _remove(self, path: str, options: Raw | None = None) -> None:
        try:
            await self.client.request("DELETE", path, options)
        except ApiError as error:
            if error.status not in (404, 409):  # 409: the namespace is on its way already
                raise


async def _early_in_a_second() -> None:
    fraction = time.time() % 1
    if fraction > LATE_IN_A_SECOND:
        await asyncio.sleep(1.0 - fraction)
