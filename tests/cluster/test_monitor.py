"""The monitor on a real control plane: pods that a stand-in answers for, or no longer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.background import Background
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.operatorprocess import OperatorProcess, operating
from tests.cluster.plane import Plane
from tests.cluster.world import World
from tests.waiting import becomes, eventually, stays

from vipa.rehearsal.standin import VARIABLE, Standin

# Who answers is a thread of ours, on a machine that others have too: slow, but not that slow.
MONITOR = {
    "probe": {"http": {"port": 8080}},
    "interval": "500ms",
    "timeout": "400ms",
    "failureThreshold": 3,
    "successThreshold": 2,
}


class Pods:
    """Which of them answer, by address."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deaf: set[str] = set()

    def ip(self, name: str) -> str:
        found = self.world.get("Pod", name)
        assert found is not None
        return str(found["status"]["podIP"])

    def hears(self, name: str, yes: bool) -> None:
        (self.deaf.discard if yes else self.deaf.add)(self.ip(name))

    def active(self) -> None:
        """The address is on sysa from the first: whoever answers first may take it else."""
        for stack in ("sysa", "sysb"):
            becomes(lambda name=stack: self.phase(name), "Active")
        self.world.active()

    def phase(self, stack: str) -> str:
        status = (self.world.get("Stack", stack) or {}).get("status") or {}
        return str(status.get("phase"))


@pytest.fixture
def pods(world: World, background: Background, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pods]:
    """sysa and sysb with a monitor, and somebody who answers for them."""
    found, standin = Pods(world), Standin()
    standin.answers = lambda ip: ip not in found.deaf
    monkeypatch.setenv(VARIABLE, background.run(standin.open()))
    world.create("Sysplex", "plex1", {"monitor": MONITOR})
    for stack in ("sysa", "sysb"):
        world.pod(stack, world.node())
    yield found
    background.run(standin.close())


@pytest.fixture
def running(controlplane: Plane, pods: Pods) -> Iterator[OperatorProcess]:
    with operating(controlplane.operator_kubeconfig) as found:
        yield found


def number(operator: OperatorProcess, line: str) -> float:
    """A value by its name and labels; 0 for one that is not there yet."""
    for one in operator.get("/metrics").splitlines():
        name, _, value = one.rpartition(" ")
        if name == line:
            return float(value)
    return 0.0


def test_pod_that_answers_no_more_loses_its_address_and_takes_it_back(
    pods: Pods, running: OperatorProcess
) -> None:
    world = pods.world
    pods.active()
    pods.hears("sysa", False)
    becomes(world.owner, ("sysb", 2))
    becomes(lambda: (world.get("Stack", "sysa") or {})["status"]["reason"], "Unresponsive")
    stack = world.get("Stack", "sysa") or {}
    assert "no answer within 400 ms" in stack["status"]["message"]
    pods.hears("sysa", True)
    becomes(world.owner, ("sysa", 3))
    probes = f'sysplex_probe_seconds_count{{namespace="{world.namespace}",outcome='
    assert number(running, probes + '"answered",sysplex="plex1"}') > 5
    assert number(running, probes + '"unanswered",sysplex="plex1"}') >= 3
    assert number(running, "sysplex_blind") == 0
    assert "no witness" not in running.log()


def test_pod_that_never_answered_is_not_active(pods: Pods, running: OperatorProcess) -> None:
    world = pods.world
    pods.hears("sysa", False)
    world.vipa()
    becomes(lambda: world.owner()[0], "sysb")
    pods.hears("sysa", True)
    becomes(lambda: world.owner()[0], "sysa")


def test_without_sight_silence_is_no_reason_and_what_was_silent_meanwhile_counts_anew(
    pods: Pods, proxy: FaultProxy
) -> None:
    world = pods.world
    with operating(proxy.kubeconfig) as running:
        pods.active()
        rule = proxy.unplug()
        eventually(lambda: not running.ready(), within_s=30)
        assert number(running, "sysplex_blind") == 1
        eventually(lambda: "blind: no answer from the API server for 10 s" in running.log())
        assert running.get("/livez") == "ok\n"
        pods.hears("sysa", False)
        eventually(lambda: number(running, _uncounted(world)) > 3)
        pods.hears("sysa", True)
        proxy.plug(rule)
        eventually(running.ready, within_s=30)
        assert stays(world.owner, 2.0) == ("sysa", 1)
        eventually(lambda: "the API server answers again" in running.log())


def _uncounted(world: World) -> str:
    labels = f'namespace="{world.namespace}",outcome="uncounted",sysplex="plex1"'
    return f"sysplex_probe_seconds_count{{{labels}}}"
