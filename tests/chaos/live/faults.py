"""The classes of faults: each is caused, perhaps lasts for a while, and is mended.

What a fault takes is said beforehand (`stacks`), because the checker holds the operator to what
was true and not to what it could see.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tests.chaos import checker
from tests.chaos.live import acts, proxies
from tests.chaos.live.acts import Act
from tests.chaos.live.world import HOMES, World

DRAIN = ("drain", acts.WORKER, "--ignore-daemonsets", "--delete-emptydir-data", "--force")
_ids = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`lasts_s`: how long it is left alone; None: until the addresses of `stacks` have moved.

    `spares`: nodes on which the leader must not be.
    """

    name: str
    cause: Act
    mend: Act = lambda world: None
    stacks: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()
    lasts_s: float | None = 1.0  # enough for its first effect to be seen


def carry_out(world: World, fault: Fault, *, patient: bool = False) -> None:
    """Cause it, mend it, and return when all is as it was. Raises TimeoutError.

    `patient`: it is mended only after the stock Service serves again without it.
    """
    acts.lead_elsewhere(world, fault.spares)
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
    if checker.BOUNDS[fault.name].blinds:
        proxies.follow(world)
    world.history.say("settled", id=number)
    world.history.flush()


def pause(seconds: float) -> None:
    """Let a fault last: here time is what is wanted, not an event."""
    threading.Event().wait(seconds)


def _stacks(world: World, fault: Fault) -> Iterator[str]:
    for one in fault.stacks:
        if one == "leader":
            node = acts.leader_node(world)
            yield from (stack for stack, home in HOMES.items() if home == node)
        else:
            yield one


def _frozen() -> Fault:
    state = acts.LeaderFreeze()
    return Fault(name="leader-freeze", cause=state.cause, mend=state.mend, lasts_s=8.0)


def _leader_node_kill() -> Fault:
    state = acts.LeaderNode()
    return Fault(
        name="leader-node-kill",
        cause=state.cause,
        mend=state.mend,
        stacks=("leader",),
        spares=(HOMES["sysc"],),  # which has no address to lose
        lasts_s=None,
    )


def _node(name: str, harm: str, repair: str, *nodes: str, stacks: tuple[str, ...]) -> Fault:
    return Fault(
        name=name,
        cause=acts.nodes(harm, *nodes),
        mend=acts.nodes(repair, *nodes),
        stacks=stacks,
        spares=nodes if len(nodes) == 1 else (),  # two of three leave no other place for long
        lasts_s=None,
    )


def _of_a_stack() -> Iterator[Fault]:
    sysa = ("sysa",)
    stop, go = acts.signal(*sysa, number="SIGSTOP"), acts.signal(*sysa, number="SIGCONT")
    unready, ready = acts.signal(*sysa, number="SIGUSR1"), acts.signal(*sysa, number="SIGUSR2")
    to, home = acts.move("sysb"), acts.move("")
    yield Fault(name="container-kill", cause=acts.signal(*sysa, number="SIGKILL"), stacks=sysa)
    yield Fault(name="pod-delete", cause=acts.delete_pod, stacks=sysa)
    yield Fault(name="process-hang", cause=stop, mend=go, stacks=sysa, lasts_s=None)
    yield Fault(name="readiness-failure", cause=unready, mend=ready, stacks=sysa, lasts_s=None)
    yield Fault(name="planned-move", cause=to, mend=home, stacks=sysa, lasts_s=None)


def _of_what_directs() -> Iterator[Fault]:
    proxies = acts.kubectl("-n", "kube-system", "delete", "pods", "-l=k8s-app=kube-proxy", "--wait")
    yield Fault(name="operator-kill", cause=acts.kill_leader, lasts_s=8.0)
    yield _frozen()
    yield Fault(name="hand-edit", cause=acts.edit_by_hand, lasts_s=2.0)
    yield Fault(name="kube-proxy-restart", cause=proxies, lasts_s=6.0)
    yield Fault(
        name="kubelet-stop",
        cause=lambda world: world.nodes.service(acts.WORKER, "stop"),
        mend=lambda world: world.nodes.service(acts.WORKER, "start"),
        lasts_s=10.0,
    )


def _of_all_stacks() -> Iterator[Fault]:
    stop, go = acts.signal(*HOMES, number="SIGSTOP"), acts.signal(*HOMES, number="SIGCONT")
    yield Fault(name="mass-failure", cause=stop, mend=go, stacks=tuple(HOMES), lasts_s=4.0)
    yield Fault(name="mass-silence", cause=acts.deafen, mend=acts.undeafen, lasts_s=8.0)
    yield Fault(name="rolling-update", cause=acts.roll, stacks=tuple(HOMES))


def _of_nodes() -> Iterator[Fault]:
    sysa, uncordon = ("sysa",), acts.kubectl("uncordon", acts.WORKER)
    yield Fault(name="drain", cause=acts.kubectl(*DRAIN), mend=uncordon, stacks=sysa)
    yield _node("node-cut", "cut", "heal", acts.WORKER, stacks=sysa)
    yield _node("node-pause", "pause", "unpause", acts.WORKER, stacks=sysa)
    yield _node("zone-cut", "cut", "heal", acts.WORKER, acts.WORKER2, stacks=("sysa", "sysb"))
    yield Fault(name="api-restart", cause=acts.kill_api)
    yield Fault(name="control-plane-kill", cause=acts.kill_control_plane)
    yield _node("node-kill", "kill", "start", acts.WORKER, stacks=sysa)
    yield _leader_node_kill()


def every() -> dict[str, Fault]:
    """One of each class, in an order in which the long ones come last."""
    kinds = (_of_a_stack(), _of_what_directs(), _of_all_stacks(), _of_nodes())
    return {one.name: one for kind in kinds for one in kind}


SMOKE = (
    "container-kill",
    "process-hang",
    "operator-kill",
    "drain",
    "node-cut",
    "control-plane-kill",
    "node-kill",
)
