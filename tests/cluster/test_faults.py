"""Faults between operator and API server: killed at any write, refused, hung, cut, compacted.

Whatever happens, the end is the one without the fault, and over the whole history of the record no
epoch is given twice.
"""

from __future__ import annotations

import http.client
import json
import secrets
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.cluster.faultproxy import (
    Deed,
    FaultProxy,
    after,
    answer,
    before,
    half_open,
    hang,
    mute,
    reset,
    stream_error,
)
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import CLONE, Api, Plane
from tests.cluster.world import Background, History, World, becomes, eventually, staged, stays

from vipa.k8s.client import Client

# Every write of a takeover; the first test holds that there is no other one.
WRITES = {
    "record": "PUT {ns}/endpointslices/web-owner$",
    "annotation-of-giver": "PATCH {ns}/pods/sysa$",
    "annotation-of-taker": "PATCH {ns}/pods/sysb$",
    "status-of-vipa": "PATCH {ns}/vipas/web/status$",
    "status-of-giver": "PATCH {ns}/stacks/sysa/status$",
    "status-of-taker": "PATCH {ns}/stacks/sysb/status$",
    "status-of-sysplex": "PATCH {ns}/sysplexes/plex1/status$",
    "event": "POST {ns}/events$",
}
QUIET_STREAM_S = 15  # settings.watching.inactivity_timeout
EVENTS = 3  # on the VIPA, on the pod that takes and on the one that gives


class Theatre:
    """One small sysplex behind the proxy, brought back to rest before each fault."""

    def __init__(self, world: World, proxy: FaultProxy, history: History) -> None:
        self.world = world
        self.proxy = proxy
        self.history = history
        self.operator = OperatorProcess(proxy.kubeconfig)
        self.base = 0

    def pattern(self, write: str) -> str:
        return WRITES[write].format(ns=f".*/namespaces/{self.world.namespace}")

    def start(self) -> None:
        if not self.operator.running:
            self.operator.start()

    def rest(self) -> None:
        """sysa owns, everybody is well, nothing is written any more; also after a test that broke
        off: its failure is neither the next one's nor that of its own second try."""
        self.proxy.clear()
        self.start()
        for vipa in self.world.list("VIPA"):
            if (name := vipa["metadata"]["name"]) != "web":
                self.world.delete("VIPA", name)
        self.world.patch("VIPA", "web", {"spec": {"moveable": "Immediate"}})
        self.world.ready("sysa", True)
        eventually(lambda: self.world.owner()[0] == "sysa")
        self.world.quiet()
        self.base = self.world.owner()[1]
        self.proxy.clear()

    def fail_owner(self) -> None:
        self.world.ready("sysa", False)

    def end(self) -> dict[str, Any]:
        """What is told about the takeover; epochs count from the one before it."""
        world, base = self.world, self.base
        record, status = world.record(), world.status()
        stacks = {one["metadata"]["name"]: one["status"] for one in world.list("Stack")}
        plex = world.get("Sysplex", "plex1") or {}
        endpoint = record["endpoints"][0]
        owner, epoch = world.owner()
        move = status["lastMove"]
        fence = status["fence"].split(".")
        return {
            "record": (owner, epoch - base, endpoint["targetRef"]["name"], endpoint["conditions"]),
            "annotations": {
                pod: [(v, s, e - base) for v, s, e in world.annotated(pod)]
                for pod in ("sysa", "sysb")
            },
            "status": {
                **{key: status.get(key) for key in ("state", "origin", "chain", "stacks")},
                "owner": status["owner"]["stack"],
                "epoch": (status["epoch"] - base, int(fence[1]) - base),
                "move": [move[key] for key in ("from", "to", "reason")],
                "conditions": [(c["type"], c["status"], c["reason"]) for c in status["conditions"]],
            },
            "stacks": {
                name: (one["phase"], one["reason"], one.get("vipas"))
                for name, one in stacks.items()
            },
            "sysplex": {key: plex["status"].get(key) for key in ("stacks", "active", "vipas")},
            "events": sorted(
                line.partition(":")[0] for line in world.events() if f"epoch {base + 1}" in line
            ),
        }


@pytest.fixture(scope="module")
def theatre(
    api: Api, controlplane: Plane, background: Background, stage_client: Client
) -> Iterator[Theatre]:
    proxy = FaultProxy(controlplane.operator_kubeconfig)
    background.run(proxy.open())
    with staged(api, background, stage_client, "faults") as world:
        found = Theatre(world, proxy, world.history())
        try:
            world.plex("sysa", "sysb")
            world.vipa()
            found.rest()
            yield found
        finally:
            found.operator.kill()
            background.run(proxy.close())


@pytest.fixture(autouse=True)
def log(theatre: Theatre) -> Iterator[None]:
    """Shown by pytest with a test that fails."""
    yield
    sys.stderr.write(theatre.operator.log()[-6000:])


@pytest.fixture(scope="module")
def reference(theatre: Theatre) -> dict[str, Any]:
    """The end of a takeover without any fault."""
    theatre.rest()
    theatre.fail_owner()
    eventually(lambda: theatre.world.owner() == ("sysb", theatre.base + 1))
    theatre.world.quiet()
    return theatre.end()


def test_a_takeover_is_these_writes_and_ends_like_this(
    theatre: Theatre, reference: dict[str, Any]
) -> None:
    theatre.rest()
    theatre.fail_owner()
    becomes(theatre.end, reference)
    theatre.world.quiet()

    spaces = f"/namespaces/{theatre.world.namespace}/"
    written = theatre.proxy.writes(spaces)
    kinds = [line.replace(spaces, " ").split(" ") for line in written]
    assert written[0].startswith("PUT ")
    assert sorted({f"{verb} {path}" for verb, _, path in kinds}) == [
        "PATCH pods/sysa",
        "PATCH pods/sysb",
        "PATCH stacks/sysa/status",
        "PATCH stacks/sysb/status",
        "PATCH sysplexes/plex1/status",
        "PATCH vipas/web/status",
        "POST events",
        "PUT endpointslices/web-owner",
    ]
    assert len([line for line in written if "POST" in line]) == EVENTS
    assert reference["record"][:3] == ("sysb", 1, "sysb")
    assert reference["annotations"] == {"sysa": [], "sysb": [("web", "ACTIVE", 1)]}
    assert reference["status"]["move"] == ["sysa", "sysb", "OwnerFailed"]
    assert reference["events"] == ["TakenOver Pod/sysa", "TakenOver Pod/sysb", "TakenOver VIPA/web"]
    theatre.history.check()


CASES = [
    *((write, 1) for write in WRITES if write != "event"),
    *(("event", nth) for nth in range(1, EVENTS + 1)),
]


@pytest.mark.parametrize("deed", [before, after])
@pytest.mark.parametrize(("write", "nth"), CASES)
def test_killed_at_a_write(
    theatre: Theatre,
    reference: dict[str, Any],
    write: str,
    nth: int,
    deed: Callable[[Callable[[], object]], Deed],
) -> None:
    theatre.rest()
    dead = threading.Event()

    def kill() -> None:
        theatre.operator.kill()
        dead.set()

    theatre.proxy.on(theatre.pattern(write), deed(kill), first=nth)
    theatre.fail_owner()
    assert dead.wait(20)

    theatre.proxy.clear()
    theatre.start()

    becomes(theatre.end, reference)
    theatre.history.check()


@pytest.mark.parametrize("deed", [before, after])
def test_killed_at_the_first_record(
    theatre: Theatre, deed: Callable[[Callable[[], object]], Deed]
) -> None:
    """There is no status yet that could tell of it."""
    theatre.rest()
    world, dead = theatre.world, threading.Event()

    def kill() -> None:
        theatre.operator.kill()
        dead.set()

    name = f"fresh-{deed.__name__}"
    theatre.proxy.on("POST .*/endpointslices$", deed(kill))
    world.vipa(name)
    assert dead.wait(20)

    theatre.proxy.clear()
    theatre.start()

    becomes(lambda: world.owner(name), ("sysa", 1))
    becomes(lambda: (name, "ACTIVE", 1) in world.annotated("sysa"), True)
    becomes(lambda: world.status(name).get("epoch"), 1)
    eventually(lambda: any(f"VIPA/{name}" in line for line in world.events("Activated")))
    world.delete("VIPA", name)
    theatre.history.check(name)


def test_lists_fail_at_the_start(theatre: Theatre) -> None:
    """It begins when it has seen everything, and does nothing before."""
    theatre.rest()
    still = theatre.world.quiet()
    theatre.operator.kill()
    rules = [
        theatre.proxy.on(f"GET /.*/{kind}$", fault, times=2)
        for kind, fault in zip(
            ("pods", "vipas", "nodes", "sysplexes"), REFUSALS.values(), strict=True
        )
    ]
    theatre.start()
    assert all(rule.applied for rule in rules)
    assert theatre.world.quiet(for_s=1) == still


REFUSALS = {
    "409": answer(409, "Conflict"),
    "429": answer(429, "TooManyRequests", **{"Retry-After": "1"}),
    "500": answer(500, "InternalError"),
    "reset": reset,
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_every_write_fails_once(theatre: Theatre, reference: dict[str, Any], fault: str) -> None:
    theatre.rest()
    # A conflict about an event says that it is there already: the API server knows no other one.
    rules = [
        theatre.proxy.on(theatre.pattern(write), REFUSALS[fault])
        for write in WRITES
        if (write, fault) != ("event", "409")
    ]
    theatre.fail_owner()

    becomes(theatre.end, reference)
    assert all(rule.applied for rule in rules)
    theatre.history.check()


@pytest.mark.parametrize("fault", REFUSALS)
def test_every_write_of_a_creation_and_a_deletion_fails_once(theatre: Theatre, fault: str) -> None:
    theatre.rest()
    world, name = theatre.world, f"made-{fault}"
    spaces = f"/namespaces/{world.namespace}"
    rules = [
        theatre.proxy.on(f"{line}$", REFUSALS[fault])
        for line in (
            f"POST .*{spaces}/endpointslices",
            f"PATCH .*{spaces}/services/{name}",
            f"PATCH .*{spaces}/services/{name}/status",
            f"PATCH .*{spaces}/pods/sysa",
            f"PATCH .*{spaces}/vipas/{name}/status",
        )
    ]
    address = world.vipa(name)
    becomes(lambda: world.owner(name), ("sysa", 1))
    becomes(lambda: world.status(name).get("state"), "Active")
    becomes(lambda: (name, "ACTIVE", 1) in world.annotated("sysa"), True)
    eventually(lambda: address in str((world.get("Service", name) or {}).get("status")))
    assert all(rule.applied for rule in rules)

    theatre.proxy.clear()
    theatre.proxy.on(f"DELETE .*{spaces}/", REFUSALS[fault])
    theatre.proxy.on(f"PATCH .*{spaces}/pods/sysa$", REFUSALS[fault])
    world.delete("VIPA", name)
    becomes(lambda: world.get("Service", name), None)
    becomes(lambda: world.get("EndpointSlice", f"{name}-owner"), None)
    becomes(lambda: [v for v, _, _ in world.annotated("sysa")], ["web"])


@pytest.mark.parametrize("deed", [hang, half_open])
def test_no_answer_to_the_record(theatre: Theatre, reference: dict[str, Any], deed: Deed) -> None:
    """Half-open: the watch tells of our own write before its answer, which never comes."""
    theatre.rest()
    rule = theatre.proxy.on(theatre.pattern("record"), deed)
    theatre.fail_owner()

    becomes(theatre.end, reference, within_s=20)
    assert rule.applied
    theatre.history.check()


@pytest.mark.parametrize("deed", [hang, half_open])
def test_no_answer_to_anything_else(
    theatre: Theatre, reference: dict[str, Any], deed: Deed
) -> None:
    theatre.rest()
    rules = [
        theatre.proxy.on(theatre.pattern(write), deed) for write in WRITES if write != "record"
    ]
    theatre.fail_owner()

    # The address moves at once, whatever becomes of the rest, which is given up after 10 s.
    becomes(theatre.world.owner, ("sysb", theatre.base + 1), within_s=5)
    becomes(theatre.end, reference, within_s=30)
    assert all(rule.applied for rule in rules)
    theatre.history.check()


def test_conflict_again_and_again(theatre: Theatre, reference: dict[str, Any]) -> None:
    """Somebody else touches the record all the time: each write is planned from what is there."""
    theatre.rest()

    def touch() -> None:
        notes = {"annotations": {"example.com/touched": secrets.token_hex(4)}}
        theatre.world.patch("EndpointSlice", "web-owner", {"metadata": notes})

    async def touched(exchange: Any) -> Any:
        touch()
        return await exchange.forward()

    rule = theatre.proxy.on(theatre.pattern("record"), touched, times=3)
    theatre.fail_owner()

    becomes(theatre.end, reference)
    assert rule.matched >= 3
    theatre.history.check()


@pytest.mark.parametrize("moveable", ["Immediate", "Manual"])
def test_flips_back_while_the_write_is_in_flight(theatre: Theatre, moveable: str) -> None:
    """The pod is well again before the API server has answered: the write stands, and is judged."""
    theatre.rest()
    world, base = theatre.world, theatre.base
    world.patch("VIPA", "web", {"spec": {"moveable": moveable}})
    world.quiet()
    phase = lambda: (world.get("Stack", "sysa") or {})["status"]["phase"]  # noqa: E731
    gate = theatre.proxy.gate(theatre.pattern("record"))
    try:
        theatre.fail_owner()
        eventually(lambda: gate.held)
        becomes(phase, "Failed")
        world.ready("sysa", True)
        becomes(phase, "Active")
        assert world.owner() == ("sysa", base)
    finally:
        gate.open()

    back = moveable == "Immediate"
    becomes(world.owner, ("sysa", base + 2) if back else ("sysb", base + 1))
    world.quiet()
    owner, epoch = world.owner()
    other = "sysb" if back else "sysa"
    assert (owner, epoch) == (("sysa", base + 2) if back else ("sysb", base + 1))
    assert world.annotated(owner) == [("web", "ACTIVE", epoch)]
    assert world.annotated(other) == []
    assert world.status()["epoch"] == epoch
    assert [e for e, _ in theatre.history.holders("web")][-1] == epoch
    theatre.history.check()


def test_flips_back_before_a_write_that_fails(theatre: Theatre) -> None:
    """The wish has gone by the time of the second try: nothing moves."""
    theatre.rest()
    world, base = theatre.world, theatre.base

    async def too_late(_: Any) -> Any:
        await world_ready()
        return await answer(500, "InternalError")(_)

    async def world_ready() -> None:
        await world._stage.pod_status(world.namespace, "sysa", ready=True)

    rule = theatre.proxy.on(theatre.pattern("record"), too_late)
    theatre.fail_owner()
    eventually(lambda: rule.applied)
    world.quiet()

    assert world.owner() == ("sysa", base)
    assert world.status()["owner"]["stack"] == "sysa"
    theatre.history.check()


def test_watches_end(theatre: Theatre, reference: dict[str, Any]) -> None:
    theatre.rest()
    before_cut = theatre.world.quiet()
    theatre.proxy.cut()
    eventually(lambda: len([x for x in theatre.proxy.lines if x.startswith("WATCH")]) >= 8)
    assert theatre.world.quiet() == before_cut

    theatre.fail_owner()

    becomes(theatre.end, reference)
    theatre.history.check()


def test_watch_expired_and_a_pod_vanished_meanwhile(theatre: Theatre) -> None:
    """410: kopf lists anew, says nothing of what is not there any more, and we notice."""
    theatre.rest()
    world, base = theatre.world, theatre.base
    expired = theatre.proxy.on("WATCH .*/pods$", stream_error(410))
    plug = theatre.proxy.unplug()
    world.gone("sysa")
    try:
        theatre.proxy.plug(plug)

        becomes(world.owner, ("sysb", base + 1))
        assert expired.applied
        becomes(lambda: world.status()["lastMove"]["reason"], "OwnerGone")
        theatre.history.check()
    finally:
        world.pod("sysa", world.node())


@pytest.mark.parametrize("deed", [hang, mute])
def test_a_watch_says_nothing(theatre: Theatre, reference: dict[str, Any], deed: Deed) -> None:
    """Blind for as long as a quiet stream is believed, not longer."""
    theatre.rest()
    rule = theatre.proxy.on("WATCH .*/pods$", deed)
    theatre.proxy.cut()
    eventually(lambda: rule.applied)
    theatre.fail_owner()

    becomes(theatre.end, reference, within_s=QUIET_STREAM_S + 10)
    theatre.history.check()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_watches_refused_for_a_moment(
    theatre: Theatre, reference: dict[str, Any], status: int
) -> None:
    """An API server that has just started knows neither tokens nor roles nor our kinds."""
    theatre.rest()
    rules = [
        theatre.proxy.on(f"{verb} /.*/{kind}$", answer(status))
        for verb in ("WATCH", "GET")
        for kind in ("pods", "vipas", "endpointslices", "nodes")
    ]
    theatre.proxy.cut()
    eventually(lambda: all(rule.applied for rule in rules if "WATCH" in rule.pattern.pattern))
    theatre.fail_owner()

    becomes(theatre.end, reference)
    assert theatre.operator.running
    theatre.history.check()


def test_stream_error_ends_the_process(theatre: Theatre) -> None:
    """Not a zombie that sees nothing: it ends, and whoever started it starts it again."""
    theatre.rest()
    theatre.proxy.on("WATCH .*/pods$", stream_error(500))
    theatre.proxy.cut()

    assert theatre.operator.ended() not in (0, -signal.SIGKILL)
    theatre.history.check()


def compact(plane: Plane) -> None:
    """Drop every version of etcd but the present one, by its own JSON gateway."""
    folder = CLONE / "build" / "controlplane" / plane.name
    port = json.loads((folder / "state.json").read_text())["ports"]["etcd"]
    tls = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
    tls.load_cert_chain(folder / "pki" / "admin.crt", folder / "pki" / "admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=10)

    def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection.request("POST", path, json.dumps(body))
        reply = connection.getresponse()
        found = json.loads(reply.read())
        assert reply.status == 200, found
        return dict(found)

    try:
        revision = ask("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        ask("/v3/kv/compaction", {"revision": revision, "physical": True})
    finally:
        connection.close()


def test_compacted_and_a_pod_vanished_meanwhile(theatre: Theatre, controlplane: Plane) -> None:
    """The real thing: the versions that the operator knows are gone from etcd."""
    theatre.rest()
    world, base = theatre.world, theatre.base
    plug = theatre.proxy.unplug()
    world.gone("sysa")
    # With it, nodes that could report to nobody for a while would be Unknown, and no pod of theirs
    # Ready again: that takes a kubelet.
    controlplane.stop("kube-controller-manager")
    try:
        compact(controlplane)
        # Without this its own cache would bridge the gap, and no watcher would hear of it.
        controlplane.stop("kube-apiserver")
        controlplane.start("kube-apiserver")
        eventually(lambda: world.owner() == ("sysa", base))
        theatre.proxy.plug(plug)

        becomes(world.owner, ("sysb", base + 1))
        assert any("/pods" in line and "410" in line for line in theatre.proxy.errors)
        becomes(lambda: world.status()["lastMove"]["reason"], "OwnerGone")
    finally:
        controlplane.start("kube-apiserver")  # nothing to do if it runs
        controlplane.start("kube-controller-manager")
        world.pod("sysa", world.node())


OUTAGE_S = 30


def test_api_server_away(theatre: Theatre, controlplane: Plane) -> None:
    """I10: the blind do not act, and do nothing about it afterwards."""
    theatre.rest()
    world, base = theatre.world, theatre.base
    before_outage = world.quiet()
    # With it, nodes would be Unknown afterwards: their grace is 12 s here, and heartbeats need
    # an API server too.
    controlplane.stop("kube-controller-manager")
    controlplane.stop("kube-apiserver")
    try:
        # Alive all the time; not ready after a while, because it sees nothing, and it says so.
        stays(lambda: theatre.operator.get("/livez"), OUTAGE_S)
        assert not theatre.operator.ready()
    finally:
        controlplane.start("kube-apiserver")
        controlplane.start("kube-controller-manager")

    becomes(theatre.operator.ready, True)
    assert world.quiet(for_s=2) == before_outage
    assert world.owner() == ("sysa", base)

    theatre.fail_owner()
    becomes(world.owner, ("sysb", base + 1))
