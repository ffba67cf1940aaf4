"""The classes of faults: each is caused, perhaps lasts for a while, and is mended.

What a fault takes is said beforehand (`stacks`), because the checker holds the operator to what
was true and not to what it could see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from tests.chaos.live.world import CONTROL_PLANE, HOMES, NAMESPACE, SYSTEM, World

Act = Callable[[World], None]
_ids = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`lasts_s`: how long it is left alone; None: until the addresses of `stacks` have moved."""

    name: str
    cause: Act
    mend: Act = lambda world: None
    stacks: tuple[str, ...] = ()
    lasts_s: float | None = 1.0  # enough for its first effect to be seen


def carry_out(world: World, fault: Fault, *, patient: bool = False) -> None:
    """Cause it, mend it, and return when all is as it was. Raises TimeoutError.

    `patient`: it is mended only after the stock Service serves again without it.
    """
    number = next(_ids)
    stacks = list(_stacks(world, fault))
    world.history.say("fault", id=number, fault=fault.name, stacks=stacks, patient=patient)
    before = {vipa: (world.record(vipa) or {}).get("owner") for vipa in ("web", "db")}
    fault.cause(world)
    world.history.say("struck", id=number)
    try:
        if fault.lasts_s is None:
            world.until(
                lambda: all(
                    (world.record(vipa) or {}).get("owner") not in stacks
                    for vipa, owner in before.items()
                    if owner in stacks
                ),
                f"{fault.name}: the addresses move",
                within_s=30,
            )
            # Long enough to see that it stays so, and that clients follow.
            pause(2.0)
        else:
            pause(fault.lasts_s)
        if patient:
            world.until(world.served, "the stock Service serves again", within_s=120)
    finally:
        fault.mend(world)
        world.history.say("mended", id=number)
    world.until(lambda: not world.unsettled(), f"all is well after {fault.name}")
    world.history.say("settled", id=number)
    world.history.flush()


def pause(seconds: float) -> None:
    """Let a fault last: here time is what is wanted, not an event."""
    threading.Event().wait(seconds)


def _stacks(world: World, fault: Fault) -> Iterator[str]:
    for one in fault.stacks:
        if one == "leader":
            node = _leader_node(world)
            yield from (stack for stack, home in HOMES.items() if home == node)
        else:
            yield one


def _leader_node(world: World) -> str:
    leader = world.leader()
    return next(node for name, _, node in world.operators() if name == leader)


def _signal(*stacks: str, number: str) -> Act:
    def act(world: World) -> None:
        for stack in stacks:
            for pod in world.pods(stack):
                node = pod["node"]
                world.nodes.signal(node, world.nodes.containers(node, pod["uid"]), number)

    return act


def _kubectl(*arguments: str) -> Act:
    def act(world: World) -> None:
        world.kubectl(*arguments)

    return act


def _operators(world: World, number: str, *, leader: bool) -> None:
    name = world.leader()
    for pod, uid, node in world.operators():
        if pod == name or not leader:
            world.nodes.signal(node, world.nodes.containers(node, uid), number)


class LeaderFreeze:
    """The leader stands still, longer than its Lease lives, and then goes on as if nothing was."""

    def __init__(self) -> None:
        self._frozen: tuple[str, list[str]] = ("", [])

    def cause(self, world: World) -> None:
        leader = world.leader()
        uid, node = next((u, n) for name, u, n in world.operators() if name == leader)
        self._frozen = node, world.nodes.containers(node, uid)
        world.nodes.signal(*self._frozen, "SIGSTOP")

    def mend(self, world: World) -> None:
        world.nodes.signal(*self._frozen, "SIGCONT")


class LeaderNode:
    """The node on which the leader runs dies, with the stack that is there."""

    def __init__(self) -> None:
        self._node = ""

    def cause(self, world: World) -> None:
        self._node = _leader_node(world)
        world.nodes.kill(self._node)

    def mend(self, world: World) -> None:
        world.nodes.start(self._node)


def _control_plane(world: World) -> None:
    """API server, etcd and both operators, at once and without notice."""
    for pod, uid, node in world.operators():
        del pod
        world.nodes.signal(node, world.nodes.containers(node, uid), "SIGKILL")
    # By name: what is called a container there changes with each restart.
    world.nodes.inside(CONTROL_PLANE, "pkill", "-KILL", "-x", "kube-apiserver|etcd")


def _by_hand(world: World) -> None:
    """What people do in a hurry; the API server may refuse some of it."""
    spaced = ("-n", NAMESPACE)
    world.kubectl(
        *spaced,
        "annotate",
        "--overwrite",
        "endpointslice/web-owner",
        "sysplex.dev/epoch=1",
        check=False,
    )
    patch = '--patch={"spec":{"selector":{"app":"stack"}}}'
    world.kubectl(*spaced, "patch", "service/web", "--type=merge", patch, check=False)
    pod = world.pods("sysb")[0]["pod"]
    world.kubectl(*spaced, "annotate", "--overwrite", f"pod/{pod}", "sysplex.dev/vipas=[]")
    status = '--patch={"status":{"state":"Inactive"}}'
    world.kubectl(*spaced, "patch", "vipa/web", "--subresource=status", "--type=merge", status)
    world.kubectl(*spaced, "delete", "service/db", check=False)


def _nodes(verb: str, *nodes: str) -> Act:
    def act(world: World) -> None:
        for one in nodes:
            getattr(world.nodes, verb)(one)

    return act


def _deafen(world: World) -> None:
    """No probe of any operator gets through; those of kubelets and all clients do."""
    rules = (
        "add table inet deaf; add chain inet deaf probes { type filter hook forward priority 0; }; "
    )
    for _, _, node in world.operators():
        world.nodes.inside(node, "nft", rules + "add rule inet deaf probes tcp dport 8081 drop")


def _undeafen(world: World) -> None:
    for _, _, node in world.operators():
        world.nodes.inside(node, "nft", "delete table inet deaf")


WORKER, WORKER2 = HOMES["sysa"], HOMES["sysb"]
DRAIN = ("drain", WORKER, "--ignore-daemonsets", "--delete-emptydir-data", "--force")


def _rolling(world: World) -> None:
    names = [f"deployment/{stack}" for stack in HOMES]
    world.kubectl("-n", NAMESPACE, "rollout", "restart", *names)
    for name in names:
        world.kubectl("-n", NAMESPACE, "rollout", "status", name, "--timeout=120s")


def _frozen() -> Fault:
    state = LeaderFreeze()
    return Fault(name="leader-freeze", cause=state.cause, mend=state.mend, lasts_s=8.0)


def _leader_node_kill() -> Fault:
    state = LeaderNode()
    return Fault(
        name="leader-node-kill",
        cause=state.cause,
        mend=state.mend,
        stacks=("leader",),
        lasts_s=None,
    )


def _node(name: str, harm: str, repair: str, *nodes: str, stacks: tuple[str, ...]) -> Fault:
    return Fault(
        name=name,
        cause=_nodes(harm, *nodes),
        mend=_nodes(repair, *nodes),
        stacks=stacks,
        lasts_s=None,
    )


def every() -> dict[str, Fault]:
    """One of each class, in an order in which the long ones come last."""
    sysa = ("sysa",)
    stop, go = _signal("sysa", number="SIGSTOP"), _signal("sysa", number="SIGCONT")
    unready, ready = _signal("sysa", number="SIGUSR1"), _signal("sysa", number="SIGUSR2")
    all_stop, all_go = _signal(*HOMES, number="SIGSTOP"), _signal(*HOMES, number="SIGCONT")
    proxies = _kubectl("-n", "kube-system", "delete", "pods", "-l=k8s-app=kube-proxy", "--wait")
    found = [
        Fault(name="container-kill", cause=_signal("sysa", number="SIGKILL"), stacks=sysa),
        Fault(
            name="pod-delete",
            cause=lambda world: (
                world.kubectl(
                    "-n", NAMESPACE, "delete", "pod", world.pods("sysa")[0]["pod"], "--wait=false"
                )
                and None
            ),
            stacks=sysa,
        ),
        Fault(name="process-hang", cause=stop, mend=go, stacks=sysa, lasts_s=None),
        Fault(name="readiness-failure", cause=unready, mend=ready, stacks=sysa, lasts_s=None),
        Fault(
            name="operator-kill",
            cause=lambda world: _operators(world, "SIGKILL", leader=True),
            lasts_s=8.0,
        ),
        _frozen(),
        Fault(name="hand-edit", cause=_by_hand, lasts_s=2.0),
        Fault(name="kube-proxy-restart", cause=proxies, lasts_s=6.0),
        Fault(name="mass-failure", cause=all_stop, mend=all_go, stacks=tuple(HOMES), lasts_s=4.0),
        Fault(name="mass-silence", cause=_deafen, mend=_undeafen, lasts_s=8.0),
        Fault(
            name="kubelet-stop",
            cause=lambda world: world.nodes.service(WORKER, "stop"),
            mend=lambda world: world.nodes.service(WORKER, "start"),
            lasts_s=10.0,
        ),
        Fault(name="rolling-update", cause=_rolling, stacks=tuple(HOMES)),
        Fault(name="drain", cause=_kubectl(*DRAIN), mend=_kubectl("uncordon", WORKER), stacks=sysa),
        _node("node-cut", "cut", "heal", WORKER, stacks=sysa),
        _node("node-pause", "pause", "unpause", WORKER, stacks=sysa),
        _node("zone-cut", "cut", "heal", WORKER, WORKER2, stacks=("sysa", "sysb")),
        Fault(name="control-plane-kill", cause=_control_plane),
        _node("node-kill", "kill", "start", WORKER, stacks=sysa),
        _leader_node_kill(),
    ]
    return {one.name: one for one in found}


SMOKE = (
    "container-kill",
    "process-hang",
    "operator-kill",
    "drain",
    "node-cut",
    "control-plane-kill",
    "node-kill",
)


@contextmanager
def mended_at_the_end(world: World) -> Iterator[None]:
    """Whatever happens, no node stays broken."""
    try:
        yield
    finally:
        for node in HOMES.values():
            state = world.nodes.state(node)
            if state == "paused":
                world.nodes.unpause(node)
            if state == "exited":
                world.nodes.start(node)
        world.kubectl("-n", SYSTEM, "get", "pods", check=False)
