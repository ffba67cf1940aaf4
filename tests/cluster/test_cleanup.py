"""Nothing is left behind (I8), whether the operator saw the deletion or was down at that time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Api, Plane
from tests.cluster.world import World
from tests.waiting import becomes, eventually

from vipa.k8s import names

TERMINATED_WITHIN_S = 60


@pytest.fixture(params=["up", "down"])
def absent(request: pytest.FixtureRequest, shared_operator: OperatorProcess) -> Callable[[], Any]:
    """The time in which something is deleted: the operator looks on, or is not there."""

    @contextmanager
    def period() -> Iterator[None]:
        if request.param == "down":
            shared_operator.kill()
        yield
        if request.param == "down":
            shared_operator.start()

    return period


def owned(world: World) -> None:
    """Two VIPAs on sysa, one beside them on sysb."""
    world.plex("sysa", "sysb")
    world.vipa("web")
    world.vipa("db")
    world.vipa("other", primary="sysb", backups=None)
    becomes(lambda: {world.owner(name) for name in ("web", "db")}, {("sysa", 1)})
    becomes(lambda: sorted(v for v, _, _ in world.annotated("sysa")), ["db", "web"])
    becomes(lambda: world.annotated("sysb"), [("other", "ACTIVE", 1)])
    becomes(lambda: names_of(world, "Service"), ["db", "other", "web"])
    world.quiet()


def names_of(world: World, kind: str) -> list[str]:
    """Names of what is there and not already going."""
    return sorted(
        one["metadata"]["name"]
        for one in world.list(kind)
        if "deletionTimestamp" not in one["metadata"]
    )


def of_stock_controllers(world: World) -> list[str]:
    """What is in no slice of ours; nothing should be."""
    return [name for name in names_of(world, "EndpointSlice") if not name.endswith("-owner")]


def test_vipa_deleted(world: World, absent: Callable[[], Any]) -> None:
    owned(world)
    with absent():
        world.delete("VIPA", "web")

    becomes(lambda: names_of(world, "Service"), ["db", "other"])
    becomes(lambda: names_of(world, "EndpointSlice"), ["db-owner", "other-owner"])
    becomes(lambda: world.annotated("sysa"), [("db", "ACTIVE", 1)])
    assert world.owner("db") == ("sysa", 1)


def test_last_vipa_of_a_pod_deleted(world: World, absent: Callable[[], Any]) -> None:
    owned(world)
    with absent():
        world.delete("VIPA", "other")

    becomes(lambda: world.annotation("sysb"), None)
    becomes(lambda: names_of(world, "Service"), ["db", "web"])
    becomes(lambda: names_of(world, "EndpointSlice"), ["db-owner", "web-owner"])


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_vipa_deleted_in_each_way(
    world: World, shared_operator: OperatorProcess, policy: str
) -> None:
    """Whatever kubectl is told about children: they are ours and go."""
    owned(world)
    path = names.path("VIPA", world.namespace, "web")
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
    status, body = world.api.request("DELETE", path, options)
    assert status in (200, 202), body

    becomes(lambda: world.get("VIPA", "web"), None)
    becomes(lambda: names_of(world, "Service"), ["db", "other"])
    becomes(lambda: names_of(world, "EndpointSlice"), ["db-owner", "other-owner"])
    becomes(lambda: world.annotated("sysa"), [("db", "ACTIVE", 1)])


def test_sysplex_deleted(world: World, absent: Callable[[], Any]) -> None:
    """Its VIPAs wait for another one of the name, and have nothing meanwhile."""
    owned(world)
    with absent():
        world.delete("Sysplex", "plex1")

    becomes(lambda: names_of(world, "Service"), [])
    becomes(lambda: names_of(world, "EndpointSlice"), [])
    becomes(lambda: (world.annotation("sysa"), world.annotation("sysb")), (None, None))
    eventually(lambda: world.condition("Accepted").startswith("Unknown NoSuchSysplex: "))

    world.create("Sysplex", "plex1", {"service": {"type": "LoadBalancer"}})
    becomes(world.owner, ("sysa", 2))
    becomes(lambda: names_of(world, "Service"), ["db", "other", "web"])


def test_namespace_deleted(world: World, absent: Callable[[], Any], api: Api) -> None:
    owned(world)
    path = f"/api/v1/namespaces/{world.namespace}"
    with absent():
        status, body = api.request("DELETE", path)
        assert status in (200, 202), body

    terminated(world)


def terminated(world: World) -> None:
    def gone() -> bool:
        world.kubelets()
        status, body = world.api.request("GET", f"/api/v1/namespaces/{world.namespace}")
        assert status == 404, body.get("status")
        return True

    eventually(gone, within_s=TERMINATED_WITHIN_S)


def test_namespace_deleted_while_nobody_looks(
    world: World, shared_operator: OperatorProcess, api: Api
) -> None:
    """No finalizer of ours holds it: it ends without the operator."""
    owned(world)
    shared_operator.kill()
    api.request("DELETE", f"/api/v1/namespaces/{world.namespace}")
    terminated(world)


def test_pod_loses_its_label(world: World, absent: Callable[[], Any]) -> None:
    """It is no stack any more, and is told so."""
    owned(world)
    with absent():
        world.patch("Pod", "sysa", {"metadata": {"labels": {names.SYSPLEX: None}}})

    becomes(lambda: world.owner("web")[0], "sysb")
    becomes(lambda: world.annotation("sysa"), None)
    becomes(lambda: len(world.annotated("sysb")), 3)


def test_pod_changes_its_stack(world: World, absent: Callable[[], Any]) -> None:
    owned(world)
    with absent():
        world.patch("Pod", "sysa", {"metadata": {"labels": {names.STACK: "sysz"}}})

    becomes(lambda: world.owner("web")[0], "sysb")
    becomes(lambda: world.annotation("sysa"), None)
    becomes(lambda: "sysz" in names_of(world, "Stack"), True)


def test_service_renamed(world: World, absent: Callable[[], Any]) -> None:
    owned(world)
    uid = world.record()["metadata"]["uid"]
    with absent():
        world.patch("VIPA", "web", {"spec": {"service": {"name": "web-front"}}})

    becomes(lambda: names_of(world, "Service"), ["db", "other", "web-front"])
    becomes(lambda: world.record()["metadata"]["labels"][names.SERVICE_NAME], "web-front")
    becomes(lambda: ingress(world, "web-front"), [world.status()["address"]])
    assert world.record()["metadata"]["uid"] == uid
    assert world.owner() == ("sysa", 1)


def ingress(world: World, service: str) -> list[str]:
    found = world.get("Service", service) or {}
    entries = found.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return [one["ip"] for one in entries]


def test_ports_removed(world: World, absent: Callable[[], Any]) -> None:
    """Nothing to forward: no Service; the record stays and is no slice of any."""
    owned(world)
    with absent():
        world.patch("VIPA", "web", {"spec": {"ports": None}})

    becomes(lambda: names_of(world, "Service"), ["db", "other"])
    becomes(lambda: names.SERVICE_NAME in world.record()["metadata"]["labels"], False)
    assert world.owner() == ("sysa", 1)
    assert not world.record().get("ports")


def test_service_of_no_type(world: World, absent: Callable[[], Any]) -> None:
    owned(world)
    with absent():
        world.patch("VIPA", "web", {"spec": {"service": {"type": "None"}}})

    becomes(lambda: names_of(world, "Service"), ["db", "other"])
    becomes(lambda: names.SERVICE_NAME in world.record()["metadata"]["labels"], False)
    assert world.owner() == ("sysa", 1)
    becomes(lambda: world.annotated("sysa"), [("db", "ACTIVE", 1), ("web", "ACTIVE", 1)])


def test_service_of_no_type_by_the_sysplex(world: World, shared_operator: OperatorProcess) -> None:
    owned(world)
    world.patch("Sysplex", "plex1", {"spec": {"service": {"type": "None"}}})

    becomes(lambda: names_of(world, "Service"), [])
    becomes(lambda: world.owner("web"), ("sysa", 1))


def test_pod_gone_and_another_stack_of_no_use(world: World, absent: Callable[[], Any]) -> None:
    """A Stack that nothing names any more is removed; one that a VIPA names stays."""
    owned(world)
    world.pod("extra", world.node())
    becomes(lambda: "extra" in names_of(world, "Stack"), True)
    with absent():
        world.gone("extra")

    becomes(lambda: names_of(world, "Stack"), ["sysa", "sysb"])


def test_made_again_under_the_name(world: World, absent: Callable[[], Any]) -> None:
    """The second VIPA adopts neither record nor Service of the first, and orders behind it."""
    owned(world)
    first = world.record()
    address = world.status()["address"]
    with absent():
        world.delete("VIPA", "web")
        world.vipa("web", address=address)

    def anew() -> bool:
        record = world.record()
        assert record["metadata"]["uid"] != first["metadata"]["uid"]
        assert world.owner() == ("sysa", 1)
        return True

    eventually(anew)
    fences = [one["metadata"]["annotations"][names.FENCE] for one in (first, world.record())]
    before, after = ([int(part) for part in fence.split(".")] for fence in fences)
    assert after > before
    becomes(lambda: ingress(world, "web"), [address])


def test_leftovers_of_a_namespace_without_anything(
    world: World, shared_operator: OperatorProcess, controlplane: Plane
) -> None:
    """Deleted all at once, while the operator was down: `kubectl delete` of all our kinds."""
    owned(world)
    shared_operator.kill()
    kinds = "vipas,vipabackups,stacks,sysplexes"
    controlplane.kubectl("delete", kinds, "--all", "-n", world.namespace)

    shared_operator.start()

    becomes(lambda: names_of(world, "Service"), [])
    becomes(lambda: names_of(world, "EndpointSlice"), [])
    becomes(lambda: (world.annotation("sysa"), world.annotation("sysb")), (None, None))
    assert of_stock_controllers(world) == []
