"""Verbs in the model: what each does to the objects, as kubelets, users and nodes would do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vipa.core import groupspec, spec
from vipa.core.cluster import Key, Pod
from vipa.rehearsal import steps as do
from vipa.rehearsal.engine import ImpossibleError
from vipa.rehearsal.steps import NAMESPACE, SYSPLEX, Given, Verb
from vipa.rehearsal.world import World

ZONE = "topology.kubernetes.io/zone"


class Stopping(NamedTuple):
    """A pod that was deleted with notice: gone at this time, None: with the next verbs."""

    key: Key
    uid: str
    at: float | None


class Happenings:
    """`homes`: the node that each stack of the shorthand is on when a verb names none."""

    def __init__(self, world: World, given: Given) -> None:
        self.world = world
        self.homes = {stack.name: stack.node for stack in given.stacks}
        self._stopping: list[Stopping] = []
        self._deaf: set[str] = set()
        self._down: set[str] = set()
        self._pods = 0
        for name, zone in given.nodes.items():
            self._node(name, zone)
        for stack in given.stacks:
            if stack.started:
                self._start(do.Start(stack=stack.name))
        for raw in given.objects:
            world.apply(raw)

    def happen(self, verb: Verb) -> None:
        """Raises RefusedError where the API would, ImpossibleError where the file is wrong."""
        HAPPENS[type(verb)](self, verb)

    def next_step(self) -> None:
        """Pods that were deleted with notice in an earlier step are gone, without a grace of their
        own."""
        self._end([one for one in self._stopping if one.at is None])

    def next_end(self) -> float | None:
        """When the next grace is over."""
        return min((one.at for one in self._stopping if one.at is not None), default=None)

    def elapsed(self) -> bool:
        """Pods whose grace is over by now are gone. Whether there were any."""
        over = [s for s in self._stopping if s.at is not None and s.at <= self.world.clock]
        self._end(over)
        return bool(over)

    def _end(self, over: list[Stopping]) -> None:
        self._stopping = [one for one in self._stopping if one not in over]
        for one in over:
            pod = self.world.inventory.pods.get(one.key)
            if pod is not None and pod.uid == one.uid:
                self.world.delete("Pod", one.key)

    def answers(self, pod: Pod) -> bool:
        """Whether the monitor would be answered: by a pod that hears, on a node that is alive."""
        return pod.uid not in self._deaf and pod.node not in self._down

    def reporting(self) -> list[str]:
        """The nodes whose kubelets renew their Leases."""
        return [name for name in self.world.inventory.nodes if name not in self._down]

    def _node(self, name: str, zone: str) -> None:
        labels = {"kubernetes.io/hostname": name, **({ZONE: zone} if zone else {})}
        ready = {"type": "Ready", "status": "True"}
        self.world.apply(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {},
                "status": {"conditions": [ready]},
            }
        )

    def _start(self, verb: do.Start) -> None:
        name = verb.pod or verb.stack
        labels = {spec.SYSPLEX_LABEL: SYSPLEX}
        if name != verb.stack:
            labels[spec.STACK_LABEL] = verb.stack
        self._pods += 1
        ip = f"10.244.{self._pods // 250}.{self._pods % 250 + 1}"
        node = verb.node or self.homes.get(verb.stack, "")
        if not node:
            raise ImpossibleError(verb, f"start: say on which node, {verb.stack} is not given one")
        self.world.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
                "spec": {"nodeName": node, "containers": [{"name": "app"}]},
                "status": {
                    "phase": "Running",
                    "podIP": ip,
                    "podIPs": [{"ip": ip}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
        )

    def _stop(self, verb: do.Stop) -> None:
        for pod in self._meant(verb):
            raw = self._raw_pod(pod)
            raw["metadata"]["deletionTimestamp"] = self.world.now
            raw["metadata"]["deletionGracePeriodSeconds"] = math.ceil(verb.grace_s or 30)
            self.world.put(raw)
            at = None if verb.grace_s is None else self.world.clock + verb.grace_s
            self._stopping.append(Stopping(pod.key, pod.uid, at))

    def _kill(self, verb: do.Kill) -> None:
        for pod in self._meant(verb):
            self.world.delete("Pod", pod.key)

    def _ready(self, verb: do.PodVerb, status: str) -> None:
        for pod in self._meant(verb):
            raw = self._raw_pod(pod)
            raw["status"] = _with_condition(raw.get("status"), status)
            self.world.put(raw)

    def _hearing(self, verb: do.PodVerb) -> None:
        uids = {pod.uid for pod in self._meant(verb)}
        self._deaf = self._deaf | uids if isinstance(verb, do.Deaf) else self._deaf - uids

    def _raw_pod(self, pod: Pod) -> dict[str, Any]:
        raw = self.world.raw("Pod", pod.key)
        assert raw is not None, pod.key
        return raw

    def _meant(self, verb: do.PodVerb) -> list[Pod]:
        """The named pod; else the serving one, else the oldest; `recover`, `hears`: all."""
        world = self.world.inventory
        key = Key(NAMESPACE, verb.stack)
        pods = world.members(key)
        if verb.pod:
            pods = [pod for pod in pods if pod.key.name == verb.pod]
        if not pods:
            what = f"no pod {verb.pod} of stack" if verb.pod else "no pod of stack"
            raise ImpossibleError(verb, f"{verb}: there is {what} {verb.stack} at this point")
        if isinstance(verb, do.Recover | do.Hears) or verb.pod:
            return pods
        stack = world.stacks.get(key)
        serving = stack.status.pod_uid if stack is not None else ""
        return [next((pod for pod in pods if pod.uid == serving), pods[0])]

    def _report(self, verb: do.NodeVerb, status: str) -> None:
        for key in self._nodes(verb):
            raw = self.world.raw("Node", key)
            assert raw is not None, key
            raw["status"] = _with_condition(raw.get("status"), status)
            self.world.put(raw)
            if isinstance(verb, do.Down):
                self._down.add(key.name)
            else:
                self._down.discard(key.name)

    def _nodes(self, verb: do.NodeVerb) -> list[Key]:
        zone = verb.node.removeprefix("zone/") if verb.node.startswith("zone/") else None
        nodes = self.world.inventory.nodes.values()
        if zone is None:
            names = [node.name for node in nodes if node.name == verb.node]
        else:
            names = sorted(node.name for node in nodes if node.zone == zone)
        if not names:
            raise ImpossibleError(verb, f"{verb}: there is no such node at this point")
        return [Key("", name) for name in names]

    def _taint(self, verb: do.Taint | do.Untaint) -> None:
        raw = self.world.raw("Node", Key("", verb.node))
        if raw is None:
            raise ImpossibleError(verb, f"{verb}: there is no node {verb.node} at this point")
        taints = [t for t in raw.get("spec", {}).get("taints", []) if t.get("key") != verb.key]
        if isinstance(verb, do.Taint):
            taints.append({"key": verb.key, "effect": "NoExecute"})
        raw["spec"] = {**raw.get("spec", {}), "taints": taints}
        self.world.put(raw)

    def _delete(self, verb: do.Delete) -> None:
        self.world.delete(verb.kind, verb.key)
        if verb.kind == "Node":
            self._down.discard(verb.key.name)

    def _member(self, verb: do.Member) -> None:
        """What `vipa join` and `vipa leave` write."""
        meta: dict[str, Any] = {"name": verb.stack, "namespace": verb.namespace}
        if verb.joins:
            meta["annotations"] = {groupspec.JOIN_REQUESTED: self.world.now}
        membership = {"membership": "Joined" if verb.joins else "Left"}
        self.world.apply({"kind": "Stack", "metadata": meta, "spec": membership})


def _with_condition(status: Mapping[str, Any] | None, ready: str) -> dict[str, Any]:
    before = status or {}
    others = [one for one in before.get("conditions", []) if one.get("type") != "Ready"]
    return {**before, "conditions": [*others, {"type": "Ready", "status": ready}]}


HAPPENS: Mapping[type[Verb], Callable[[Happenings, Any], None]] = {
    do.Start: Happenings._start,
    do.Stop: Happenings._stop,
    do.Kill: Happenings._kill,
    do.Deaf: Happenings._hearing,
    do.Hears: Happenings._hearing,
    do.Fail: lambda self, verb: self._ready(verb, "False"),
    do.Recover: lambda self, verb: self._ready(verb, "True"),
    do.Down: lambda self, verb: self._report(verb, "Unknown"),
    do.Up: lambda self, verb: self._report(verb, "True"),
    do.Taint: Happenings._taint,
    do.Untaint: Happenings._taint,
    do.Apply: lambda self, verb: self.world.apply(verb.object),
    do.Delete: Happenings._delete,
    do.Member: Happenings._member,
}
