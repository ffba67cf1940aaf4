"""Causing and mending: what is done to pods, operators, nodes and objects."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.chaos.live.world import CONTROL_PLANE, HOMES, NAMESPACE, SYSTEM, World

from vipa.rehearsal.kindnodes import NodeError

Act = Callable[[World], None]
WORKER, WORKER2 = HOMES["sysa"], HOMES["sysb"]


def leader_node(world: World) -> str:
    """Where the replica runs that writes."""
    leader = world.leader()
    return next(node for name, _, node in world.operators() if name == leader)


def lead_elsewhere(world: World, nodes: Sequence[str]) -> None:
    """Tell a leader on these nodes to end, and return when all is well with another one.

    A node that takes the leader along is another class of fault, with a bound of its own.
    """
    while leader_node(world) in nodes:
        world.kubectl("-n", SYSTEM, "delete", "pod", world.leader(), "--wait=true")
        world.until(lambda: not world.unsettled(), "somebody else leads")


def delete_pod(world: World) -> None:
    """With notice, as everybody deletes pods."""
    name = world.pods("sysa")[0]["pod"]
    world.kubectl("-n", NAMESPACE, "delete", "pod", name, "--wait=false")


def signal(*stacks: str, number: str) -> Act:
    """To the process in every pod of these stacks."""

    def act(world: World) -> None:
        for stack in stacks:
            for pod in world.pods(stack):
                node = pod["node"]
                world.nodes.signal(node, world.nodes.containers(node, pod["uid"]), number)

    return act


def move(to: str) -> Act:
    """Pin the VIPA to a stack, as `vipa move` does; take the pin away where there is none."""
    pin = json.dumps({"spec": {"move": {"to": to} if to else None}})
    return kubectl("-n", NAMESPACE, "patch", "vipa", "web", "--type=merge", f"--patch={pin}")


def kubectl(*arguments: str) -> Act:
    """What is done by one command."""

    def act(world: World) -> None:
        world.kubectl(*arguments)

    return act


def kill_leader(world: World) -> None:
    """The process of the replica that writes."""
    name = world.leader()
    for pod, uid, node in world.operators():
        if pod == name:
            world.nodes.signal(node, world.nodes.containers(node, uid), "SIGKILL")


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
        self._node = leader_node(world)
        world.nodes.kill(self._node)

    def mend(self, world: World) -> None:
        world.nodes.start(self._node)


def kill_api(world: World) -> None:
    """API server and etcd, without notice; the operators see them go and come back."""
    # By name: what is called a container there changes with each restart.
    world.nodes.inside(CONTROL_PLANE, "pkill", "-KILL", "-x", "kube-apiserver|etcd")


def kill_control_plane(world: World) -> None:
    """API server, etcd and both operators, at once and without notice."""
    for _, uid, node in world.operators():
        world.nodes.signal(node, world.nodes.containers(node, uid), "SIGKILL")
    kill_api(world)


def edit_by_hand(world: World) -> None:
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


def nodes(verb: str, *names: str) -> Act:
    """What is done to each of these nodes."""

    def act(world: World) -> None:
        for one in names:
            getattr(world.nodes, verb)(one)

    return act


def deafen(world: World) -> None:
    """No probe of any operator gets through; those of kubelets and all clients do."""
    chain = "add chain inet deaf probes { type filter hook forward priority 0; }"
    rule = "add rule inet deaf probes tcp dport 8081 drop"
    for _, _, node in world.operators():
        world.nodes.inside(node, "nft", f"add table inet deaf; {chain}; {rule}")


def undeafen(world: World) -> None:
    for _, _, node in world.operators():
        world.nodes.inside(node, "nft", "delete table inet deaf")


def roll(world: World) -> None:
    """All stacks at once get new pods."""
    names = [f"deployment/{stack}" for stack in HOMES]
    world.kubectl("-n", NAMESPACE, "rollout", "restart", *names)
    for name in names:
        world.kubectl("-n", NAMESPACE, "rollout", "status", name, "--timeout=120s")


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
            for mend in ("delete table inet cut", "delete table inet deaf"):
                with contextlib.suppress(NodeError):  # not there: as it should be
                    world.nodes.inside(node, "nft", mend)
            with contextlib.suppress(NodeError):
                world.nodes.service(node, "start")
            world.kubectl("uncordon", node, check=False)
