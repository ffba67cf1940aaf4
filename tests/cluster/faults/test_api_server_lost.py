"""The API server is away, or has forgotten what the operator knows."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from tests.cluster.faults.theatre import Theatre
from tests.cluster.plane import CLONE, Plane
from tests.waiting import becomes, eventually, stays


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
