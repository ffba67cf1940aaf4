"""Verbs on a real API server: what kubelets, users and nodes would write, written by us.

The file's names are put under the run's prefix on the way out; what is asked back (which pod
serves, which nodes are in a zone) is answered by what has been seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from vipa.core import spec
from vipa.core.cluster import Key, Pod
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal import steps as do
from vipa.rehearsal.clusterobjects import ClusterObjects
from vipa.rehearsal.clusterworld import ClusterWorld
from vipa.rehearsal.engine import ImpossibleError
from vipa.rehearsal.happenings import Stopping
from vipa.rehearsal.hearing import Hearing
from vipa.rehearsal.stage import Stage
from vipa.rehearsal.steps import NAMESPACE, SYSPLEX, Given, Verb

# What the API server says against a write; anything else is no answer to it.
REFUSALS = (400, 403, 404, 409, 422)

Command = Callable[[list[str]], Awaitable[str]]


class Verbs:
    """The verbs of one run. `command` runs `vipa` and returns its refusal, or nothing."""

    def __init__(
        self, client: Client, stage: Stage, seen: ClusterWorld, hearing: Hearing, command: Command
    ) -> None:
        self._stage = stage
        self._seen = seen
        self._lens = seen.lens
        self._command = command
        self._homes: dict[str, str] = {}
        self._stopping: list[Stopping] = []
        self.hearing = hearing
        self.objects = ClusterObjects(client, stage, seen)

    def needs_peace(self, verbs: Sequence[Verb]) -> bool:
        """More than one write that has to be seen as one snapshot.

        A kill is two: the API server marks a pod as terminating, in a write of its own, also where
        it removes it at once, and a running operator would see notice being given.
        """
        written = [verb for verb in verbs if not isinstance(verb, do.Deaf | do.Hears)]
        if any(one.at is None for one in self._stopping):
            return True
        if len(verbs) > 1 or not written:
            return bool(written)
        match verbs[0]:
            case do.Kill():
                return True
            case do.Recover() as verb:
                return len(self._meant(verb)) > 1
            case do.Down() | do.Up() as verb:
                return len(self._nodes(verb, verb.node)) > 1
        return False

    async def given(self, given: Given) -> None:
        """Everything that a file begins with. Raises ImpossibleError for what the API refuses."""
        self._homes = {stack.name: stack.node for stack in given.stacks}
        await self.objects.namespace(NAMESPACE)
        await asyncio.gather(*(self._node(name, zone) for name, zone in given.nodes.items()))
        started = (do.Start(stack=stack.name) for stack in given.stacks if stack.started)
        await asyncio.gather(*map(self._start, started))
        await self.objects_given(given.objects)

    async def objects_given(self, raws: Iterable[do.Raw]) -> None:
        for raw in raws:
            verb = do.Apply(object=raw)
            await self.happen(verb)
            if self._seen.refusals:
                raise ImpossibleError(verb, f"given: {self._seen.refusals[0]}")

    async def happen(self, verb: Verb) -> None:
        """Refusals are kept. ImpossibleError: the file is wrong. ApiError: nobody answers."""
        try:
            await HAPPENS[type(verb)](self, verb)
        except ApiError as error:
            if error.status not in REFUSALS:
                raise
            self._seen.refusals.append(self._lens.text(str(error)))

    async def next_step(self) -> None:
        """Pods that were deleted with notice in an earlier step are gone, without a grace of their
        own."""
        await self._end([one for one in self._stopping if one.at is None])

    def next_end(self) -> float | None:
        """When the next grace is over, by the monotonic clock."""
        return min((one.at for one in self._stopping if one.at is not None), default=None)

    async def elapsed(self) -> None:
        """Pods whose grace is over by now are gone."""
        now = time.monotonic()
        await self._end([one for one in self._stopping if one.at is not None and one.at <= now])

    async def _end(self, over: list[Stopping]) -> None:
        self._stopping = [one for one in self._stopping if one not in over]
        for one in over:
            pod = self._seen.world.pods.get(one.key)
            if pod is not None and pod.uid == one.uid:
                await self._gone(one.key)

    async def _node(self, name: str, zone: str) -> None:
        await self._stage.node(self._lens.name(name), zone, self.objects.labels)

    async def _start(self, verb: do.Start) -> None:
        name = verb.pod or verb.stack
        node = verb.node or self._homes.get(verb.stack, "")
        if not node:
            raise ImpossibleError(verb, f"start: say on which node, {verb.stack} is not given one")
        labels = {spec.SYSPLEX_LABEL: SYSPLEX}
        if name != verb.stack:
            labels[spec.STACK_LABEL] = verb.stack
        await self._stage.pod(self._lens.name(NAMESPACE), name, self._lens.name(node), labels)

    async def _stop(self, verb: do.Stop) -> None:
        for pod in self._meant(verb):
            await self._stage.pod_stop(self._lens.name(pod.key.namespace), pod.key.name)
            at = None if verb.grace_s is None else time.monotonic() + verb.grace_s
            self._stopping.append(Stopping(pod.key, pod.uid, at))

    async def _kill(self, verb: do.Kill) -> None:
        for pod in self._meant(verb):
            await self._gone(pod.key)

    async def _gone(self, key: Key) -> None:
        await self._stage.pod_gone(self._lens.name(key.namespace), key.name)
        self._seen.removed("Pod", key)

    async def _ready(self, verb: do.PodVerb) -> None:
        ready = isinstance(verb, do.Recover)
        for pod in self._meant(verb):
            where = self._lens.name(pod.key.namespace)
            await self._stage.pod_status(where, pod.key.name, ready=ready)

    async def _hearing(self, verb: do.PodVerb) -> None:
        for pod in self._meant(verb):
            self.hearing.pod(pod.uid, hears=isinstance(verb, do.Hears))

    def _meant(self, verb: do.PodVerb) -> list[Pod]:
        """The named pod; else the serving one, else the oldest; `recover`, `hears`: all."""
        world = self._seen.world
        key = Key(NAMESPACE, verb.stack)
        pods = [pod for pod in world.members(key) if verb.pod in ("", pod.key.name)]
        if not pods:
            what = f"no pod {verb.pod} of stack" if verb.pod else "no pod of stack"
            raise ImpossibleError(verb, f"{verb}: there is {what} {verb.stack} at this point")
        if isinstance(verb, do.Recover | do.Hears) or verb.pod:
            return pods
        stack = world.stacks.get(key)
        serving = stack.status.pod_uid if stack is not None else ""
        return [next((pod for pod in pods if pod.uid == serving), pods[0])]

    async def _report(self, verb: do.NodeVerb) -> None:
        status = "True" if isinstance(verb, do.Up) else "Unknown"
        for name in self._nodes(verb, verb.node):
            self.hearing.node(name, alive=isinstance(verb, do.Up))
            await self._stage.node_ready(self._lens.name(name), status)

    def _nodes(self, verb: Verb, text: str) -> list[str]:
        nodes, zone = self._seen.world.nodes, text.removeprefix("zone/")
        if zone == text:
            found = [text] if text in nodes else []
        else:
            found = sorted(node.name for node in nodes.values() if node.zone == zone)
        if not found:
            raise ImpossibleError(verb, f"{verb}: there is no such node at this point")
        return found

    async def _taint(self, verb: do.Taint | do.Untaint) -> None:
        for name in self._nodes(verb, verb.node):
            await self._stage.taint(self._lens.name(name), verb.key, on=isinstance(verb, do.Taint))

    async def _apply(self, verb: do.Apply) -> None:
        await self.objects.apply(verb.object)

    async def _delete(self, verb: do.Delete) -> None:
        await self.objects.delete(verb.kind, verb.key)
        if verb.kind == "Node":
            self.hearing.node(verb.key.name, alive=True)  # the next one of that name is

    async def _move(self, verb: do.Move) -> None:
        once = ["--once"] if verb.once else []
        await self._said(["move", verb.vipa.name, "--to", verb.to, *once], verb.vipa)

    async def _unpin(self, verb: do.Unpin) -> None:
        await self._said(["unpin", verb.vipa.name], verb.vipa)

    async def _member(self, verb: do.Member) -> None:
        await self._said(["join" if verb.joins else "leave", verb.stack], verb.key)

    async def _said(self, arguments: list[str], about: Key) -> None:
        refusal = await self._command([*arguments, "-n", self._lens.name(about.namespace)])
        if refusal:
            self._seen.refusals.append(self._lens.text(refusal))


HAPPENS: Mapping[type[Verb], Callable[[Verbs, Any], Awaitable[None]]] = {
    do.Start: Verbs._start,
    do.Stop: Verbs._stop,
    do.Kill: Verbs._kill,
    do.Fail: Verbs._ready,
    do.Recover: Verbs._ready,
    do.Deaf: Verbs._hearing,
    do.Hears: Verbs._hearing,
    do.Down: Verbs._report,
    do.Up: Verbs._report,
    do.Taint: Verbs._taint,
    do.Untaint: Verbs._taint,
    do.Apply: Verbs._apply,
    do.Delete: Verbs._delete,
    do.Move: Verbs._move,
    do.Unpin: Verbs._unpin,
    do.Member: Verbs._member,
}
