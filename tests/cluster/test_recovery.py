"""The operator started, stopped and started again; and what it says about itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cluster.background import Background
from tests.cluster.faultproxy import FaultProxy, reset
from tests.cluster.operatorprocess import OperatorProcess, free_port
from tests.cluster.plane import CLONE, Api, Plane
from tests.cluster.world import World, staged
from tests.waiting import becomes, eventually, stays

from vipa.k8s.client import Client

# It waits for nothing that takes 10 s to give up, nor for kubelet, which would kill it after 30 s.
ENDS_WITHIN_S = 5


def owned(world: World) -> None:
    """All is well."""
    world.plex("sysa", "sysb")
    world.vipa()
    world.vipa("db", type="Static", primary="sysb", backups=None, moveable=None)
    world.vipa("bare", ports=None, service={"type": "None"})


def taken_over(world: World) -> None:
    """The primary has failed and is not back."""
    owned(world)
    becomes(lambda: world.owner()[0], "sysa")
    world.ready("sysa", False)
    becomes(lambda: world.owner()[0], "sysb")


def not_taken_back(world: World) -> None:
    world.plex("sysa", "sysb")
    world.vipa(moveable="Manual")
    becomes(lambda: world.owner()[0], "sysa")
    world.ready("sysa", False)
    becomes(lambda: world.owner()[0], "sysb")
    world.ready("sysa", True)


def released(world: World) -> None:
    """Nobody can have it."""
    owned(world)
    becomes(lambda: world.owner()[0], "sysa")
    world.ready("sysa", False)
    world.ready("sysb", False)
    becomes(lambda: world.owner()[0], "")


def never_active(world: World) -> None:
    world.plex()
    world.vipa()


def kept(world: World) -> None:
    """The last owner is terminating, and stays."""
    world.plex("sysa")
    world.vipa()
    becomes(lambda: world.owner()[0], "sysa")
    world.stop("sysa")
    eventually(lambda: "LastOwnerKept" in world.condition("Active"))


def pinned(world: World) -> None:
    owned(world)
    becomes(lambda: world.owner()[0], "sysa")
    world.patch("VIPA", "web", {"spec": {"move": {"to": "sysb"}}})
    becomes(lambda: world.owner()[0], "sysb")


def left(world: World) -> None:
    owned(world)
    becomes(lambda: world.owner()[0], "sysa")
    world.patch("Stack", "sysa", {"spec": {"membership": "Left"}})
    becomes(lambda: world.owner()[0], "sysb")


def refused(world: World) -> None:
    owned(world)
    world.vipa("outside", address="203.0.113.9")
    world.vipa("twice", address=(world.get("VIPA", "web") or {})["spec"]["address"])
    world.create(
        "VIPABackup", "odd", {"sysplex": "plex1", "vipas": ["nil"], "ranking": [{"stack": "nil"}]}
    )
    eventually(lambda: world.status("outside").get("state") == "Rejected")


def in_conflict(world: World) -> None:
    """A Service of somebody else has the name."""
    world.plex("sysa", "sysb")
    world.create("Service", "web", {"ports": [{"port": 80}]})
    world.vipa()
    eventually(lambda: world.condition("ServiceConflict"))


SITUATIONS = (
    owned,
    taken_over,
    not_taken_back,
    released,
    never_active,
    kept,
    pinned,
    left,
    refused,
    in_conflict,
)


Versions = dict[str, str]


def all_quiet(worlds: dict[str, World]) -> dict[str, Versions]:
    """Not one after the other: the first may have gone on while the last came to rest."""

    def found() -> dict[str, Versions]:
        quiet = {name: world.quiet() for name, world in worlds.items()}
        assert quiet == {name: world.versions() for name, world in worlds.items()}
        return quiet

    return eventually(found, within_s=60)


@pytest.fixture(scope="module")
def restarted(
    controlplane: Plane, api: Api, background: Background, stage_client: Client
) -> Iterator[dict[str, tuple[Versions, Versions]]]:
    """All situations beside each other; the resourceVersions before and after a restart."""
    operator = OperatorProcess(controlplane.operator_kubeconfig)
    operator.start()
    try:
        with ExitStack() as stack:
            worlds = {}
            for situation in SITUATIONS:
                world = stack.enter_context(staged(api, background, stage_client, "restart"))
                worlds[situation.__name__] = world
                situation(world)
                eventually(lambda world=world: world.status().get("conditions"))
            before = all_quiet(worlds)
            assert operator.end() == 0
            operator.start()
            stays(world.versions, 1.5)
            operator.end()  # two would write against each other: tests to come have their own
            yield {name: (before[name], world.versions()) for name, world in worlds.items()}
    finally:
        operator.end()


@pytest.mark.xdist_group("restart")
@pytest.mark.parametrize("situation", [one.__name__ for one in SITUATIONS])
def test_a_restart_writes_nothing(
    restarted: dict[str, tuple[Versions, Versions]], situation: str
) -> None:
    before, after = restarted[situation]
    assert after == before


def test_a_takeover_while_nobody_looked(world: World, operator: OperatorProcess) -> None:
    """What happened in between is seen at the start and done as if it had just happened."""
    history = world.history()
    world.plex("sysa", "sysb")
    world.vipa()
    becomes(world.owner, ("sysa", 1))
    becomes(lambda: world.annotated("sysa"), [("web", "ACTIVE", 1)])
    operator.kill()
    world.ready("sysa", False)

    operator.start()

    becomes(world.owner, ("sysb", 2))
    becomes(
        lambda: (world.annotated("sysa"), world.annotated("sysb")), ([], [("web", "ACTIVE", 2)])
    )
    eventually(lambda: any("EZZ8301I" in line for line in world.events("TakenOver")))
    history.check()


def test_sigterm(world: World, operator: OperatorProcess) -> None:
    world.plex("sysa", "sysb")
    world.vipa()
    becomes(world.owner, ("sysa", 1))
    begun = time.monotonic()
    assert operator.end() == 0
    assert time.monotonic() - begun < ENDS_WITHIN_S


def test_sigterm_at_once(operator: OperatorProcess) -> None:
    """kopf is still finding out what kinds there are."""
    begun = time.monotonic()
    assert operator.end() == 0
    assert time.monotonic() - begun < ENDS_WITHIN_S


def test_sigterm_before_there_is_an_api_server(proxy: FaultProxy) -> None:
    """As process 1 of a container nothing ends it that it does not listen to."""
    proxy.on("", reset, times=0)
    operator = OperatorProcess(proxy.kubeconfig)
    operator.start(wait=False)
    eventually(lambda: "waiting for VIPA" in operator.log())
    begun = time.monotonic()
    assert operator.end() == 0
    assert time.monotonic() - begun < ENDS_WITHIN_S


def test_endpoints(world: World, operator: OperatorProcess) -> None:
    world.plex("sysa", "sysb")
    world.vipa()
    becomes(world.owner, ("sysa", 1))
    world.ready("sysa", False)
    becomes(world.owner, ("sysb", 2))
    world.quiet()

    assert operator.get("/livez") == "ok\n"
    assert operator.get("/readyz") == "ok\n"
    text = operator.get("/metrics")
    ours = f'namespace="{world.namespace}"'
    for line in (
        f'sysplex_vipa_owner{{{ours},stack="sysb",vipa="web"}} 1.0',
        f'sysplex_vipa_epoch{{{ours},vipa="web"}} 2.0',
        f'sysplex_vipa_protected{{{ours},vipa="web"}} 0.0',
        f'sysplex_stacks{{{ours},phase="Active",sysplex="plex1"}} 1.0',
        f'sysplex_stacks{{{ours},phase="Failed",sysplex="plex1"}} 1.0',
        f'sysplex_takeovers_total{{{ours},reason="OwnerFailed",vipa="web"}} 1.0',
        f'sysplex_takeovers_total{{{ours},reason="Activated",vipa="web"}} 1.0',
    ):
        assert line in samples(text), text
    names = {line.partition("{")[0].partition(" ")[0] for line in text.splitlines()}
    for name in (
        "sysplex_takeover_seconds_bucket",
        "sysplex_round_seconds_bucket",
        "sysplex_loop_lag_seconds_bucket",
        "sysplex_actions_total",
        "sysplex_watch_last_event_seconds",
    ):
        assert name in names, names
    assert 'sysplex_actions_total{kind="EndpointSlice",outcome="ok"}' in text


def samples(text: str) -> set[str]:
    """Lines of the exposition with their labels in order of name."""

    def ordered(found: re.Match[str]) -> str:
        return "{" + ",".join(sorted(found[1].split(","))) + "}"

    return {re.sub(r"\{(.*)\}", ordered, line) for line in text.splitlines()}


@pytest.fixture
def kopf_run(controlplane: Plane) -> Iterator[subprocess.Popen[bytes]]:
    port = free_port()
    env = {
        **os.environ,
        "KUBECONFIG": controlplane.operator_kubeconfig,
        "VIPA_ALLOWED_CIDRS": "198.51.100.0/24",
        "VIPA_HTTP_HOST": "127.0.0.1",
        "VIPA_HTTP_PORT": str(port),
    }
    kopf = str(Path(sys.executable).with_name("kopf"))
    command = [kopf, "run", "-A", "--module", "vipa.shell.kopf_run"]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        yield process
        if process.poll() is None:
            process.kill()


def test_kopf_run(world: World, kopf_run: subprocess.Popen[bytes]) -> None:
    """As people who know kopf start an operator."""
    history = world.history()
    world.plex("sysa", "sysb")
    world.vipa()
    becomes(world.owner, ("sysa", 1), within_s=30)
    world.ready("sysa", False)
    becomes(world.owner, ("sysb", 2))
    becomes(lambda: world.annotated("sysb"), [("web", "ACTIVE", 2)])
    history.check()

    kopf_run.terminate()
    assert kopf_run.wait(15) == 0


def kubeconfig_of_nobody(plane: Plane, folder: Path) -> str:
    """An account that exists and may do nothing."""
    token = plane.kubectl("create", "token", "default", "-n", "default").strip()
    config = json.loads(Path(plane.operator_kubeconfig).read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)


def test_without_rights(controlplane: Plane, tmp_path: Path) -> None:
    operator = OperatorProcess(kubeconfig_of_nobody(controlplane, tmp_path))
    operator.start(wait=False)

    assert operator.ended() == 1
    lines = operator.log().splitlines()
    assert len(lines) == 1, lines
    assert "is forbidden" in lines[0]
    assert "system:serviceaccount:default:default" in lines[0]
    assert "crds/rbac.yaml" in lines[0]


CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vipabackups.sysplex.dev"


def remove_crd(api: Api) -> None:
    api.request("DELETE", CRD)
    eventually(lambda: api.request("GET", CRD)[0] == 404, within_s=30)


def apply_crd(plane: Plane) -> None:
    plane.kubectl("apply", "--server-side", "-f", str(CLONE / "crds" / "vipabackups.yaml"))
    plane.kubectl("wait", "--for=condition=Established", "crd", "vipabackups.sysplex.dev")


def ranked(world: World) -> None:
    """The kind takes effect: a ranking brings a takeover."""
    if world.get("Sysplex", "plex1") is None:
        world.plex("sysa", "sysb")
        world.vipa(backups=None)
    ranking = {"sysplex": "plex1", "vipas": ["web"], "ranking": [{"stack": "sysb"}]}
    world.create("VIPABackup", "rank", ranking)
    becomes(lambda: world.owner()[0], "sysa")
    world.ready("sysa", False)
    becomes(lambda: world.owner()[0], "sysb")
    world.ready("sysa", True)
    becomes(lambda: world.owner()[0], "sysa")


def test_crds_missing(world: World, controlplane: Plane, api: Api) -> None:
    """Whoever installs in the wrong order is told, and needs no restart."""
    remove_crd(api)
    operator = OperatorProcess(controlplane.operator_kubeconfig)
    operator.start(wait=False)
    try:
        eventually(lambda: "waiting for VIPABackup" in operator.log(), within_s=30)
        assert "are the CRDs applied?" in operator.log()
        assert not operator.ready()

        apply_crd(controlplane)

        eventually(operator.ready, within_s=30)
        ranked(world)
    finally:
        apply_crd(controlplane)
        operator.end()


def test_crd_applied_anew(
    world: World, operator: OperatorProcess, controlplane: Plane, api: Api
) -> None:
    """Under a running operator: its rankings are gone and come back; nothing needs a restart."""
    ranked(world)
    remove_crd(api)
    try:
        eventually(lambda: not [c for c in world.status()["chain"] if c["stack"] == "sysb"])
        apply_crd(controlplane)

        ranked(world)
        assert operator.running
    finally:
        apply_crd(controlplane)
