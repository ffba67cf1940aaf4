"""The chart on a real API server: install, upgrade, rollback, uninstall, with operators that run.

No kubelet is there, so `tests/cluster/kubelet.py` runs what the pods say, with their accounts.
"""

from __future__ import annotations

import secrets
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import charted
from tests.cluster.background import Background, connected
from tests.cluster.charted import NAMESPACE, RELEASE, Helm, exists
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane import Api, Plane, tool
from tests.cluster.world import World, staged
from tests.waiting import becomes, eventually

from vipa.k8s import names
from vipa.k8s.client import Client
from vipa.rehearsal.stage import Stage

pytestmark = [pytest.mark.xdist_group("chart"), pytest.mark.timeout(300)]

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/sysplex-vipa"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vipas.sysplex.dev"
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
ALL_ON: dict[str, Any] = {
    "policies": {"uniqueAddress": True},
    "monitoring": {"scrape": "ServiceMonitor", "rules": True, "dashboard": True},
}


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    """Bare: the chart brings the CRDs."""
    name = f"chart-{secrets.token_hex(2)}"
    kubeconfig = tool("up", name)
    try:
        found = Plane(name, kubeconfig, "")
        crds = Path(tool("tools")) / "prometheus-crds"
        found.kubectl("apply", "--server-side", "-f", str(crds))
        yield found
    finally:
        tool("down", name)


@pytest.fixture(scope="module")
def api(plane: Plane) -> Api:
    return Api(plane.kubeconfig)


@pytest.fixture(scope="module")
def stage_client(plane: Plane, background: Background) -> Iterator[Client]:
    client = background.run(connected(plane.kubeconfig))
    yield client
    background.run(client.close())


@pytest.fixture
def account(plane: Plane, tmp_path: Path) -> Callable[[str], str]:
    return lambda name: charted.kubeconfig(plane, tmp_path, name)


@pytest.fixture
def before(plane: Plane, api: Api) -> Iterator[set[str]]:
    """What is there without the chart, and in the end is all that is there; the namespace is of the
    restricted level."""
    meta = {"name": NAMESPACE, "labels": RESTRICTED}
    api.request("POST", "/api/v1/namespaces", {"metadata": meta})
    secret = f"/api/v1/namespaces/{NAMESPACE}/configmaps/kube-root-ca.crt"
    eventually(lambda: exists(api, secret))
    return charted.everything(plane)


@pytest.fixture
def helm(plane: Plane, tmp_path: Path, kubelet: Kubelet) -> Iterator[Helm]:
    found = Helm(plane, tmp_path)
    yield found
    if RELEASE in found.run("list", "--all-namespaces", "--short"):
        found.run("uninstall", RELEASE, "-n", NAMESPACE, "--no-hooks", "--wait")
    # The next test's kubelet would else begin what the garbage collector is about to end.
    pods = ("get", "pods", "-n", NAMESPACE, "-o", "name")
    becomes(lambda: plane.kubectl(*pods), "")


@pytest.fixture
def kubelet(
    api: Api, account: Callable[[str], str], node: str, before: set[str]
) -> Iterator[Kubelet]:
    with Kubelet(api, NAMESPACE, node, account) as found:
        yield found


@pytest.fixture(scope="module")
def node(background: Background, stage_client: Client) -> Iterator[str]:
    stage = Stage(stage_client)
    background.run(stage.open())
    background.run(stage.node("chart"))
    yield "chart"
    background.run(stage.close())


@pytest.fixture
def world(api: Api, background: Background, stage_client: Client) -> Iterator[World]:
    with staged(api, background, stage_client, "chart") as found:
        yield found


def owned(world: World) -> None:
    world.plex("sysa", "sysb")
    world.active()
    world.service()


def field(api: Api) -> bool:
    """Whether the CRD knows the field that the version before did not have."""
    _, crd = api.request("GET", CRD)
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return "drainTimeout" in schema


def ready(api: Api) -> int:
    return int(api.request("GET", DEPLOYMENT)[1].get("status", {}).get("readyReplicas", 0))


def moves(world: World) -> Callable[[], None]:
    """Fails a stack and brings it back: the address goes there and back."""

    def check() -> None:
        owner, epoch = world.owner()
        other = {"sysa": "sysb", "sysb": "sysa"}[owner]
        world.ready(owner, False)
        becomes(world.owner, (other, epoch + 1))
        world.ready(owner, True)
        becomes(world.owner, ("sysa", epoch + 2))

    return check


def test_no_address_moves_at_upgrade_rollback_and_uninstall(
    helm: Helm, world: World, api: Api, kubelet: Kubelet, before: set[str], plane: Plane
) -> None:
    helm.release("install", helm.previous())
    assert ready(api) == 2
    assert not field(api)
    owned(world)
    history = world.history()
    held = world.owner()

    helm.release("upgrade")
    assert field(api)
    becomes(lambda: (ready(api), len(kubelet.running)), (2, 2))
    assert world.owner() == held

    helm.run("rollback", RELEASE, "1", "-n", NAMESPACE, "--wait", "--timeout=120s")
    assert not field(api)
    assert ready(api) == 2
    assert [owner for _, owner in history.holders("web")] == ["sysa"]
    moves(world)()
    eventually(lambda: world.annotated("sysa"))

    told = (world.record(), world.service()["status"], world.annotated("sysa"))
    helm.run("uninstall", RELEASE, "-n", NAMESPACE, "--wait")
    eventually(lambda: not kubelet.running)
    assert (world.record(), world.service()["status"], world.annotated("sysa")) == told
    left = {name.partition(" ")[0] for name in charted.everything(plane) - before}
    ours = {"Sysplex", "Stack", "VIPA"}
    made = {"Service", "EndpointSlice", "CustomResourceDefinition", "APIService"}
    stage = {"Namespace", "Node", "Pod", "ConfigMap", "ServiceAccount", "Lease"}
    assert left <= ours | made | stage | {"IPAddress"}, left

    helm.release("install")
    moves(world)()
    history.check()


def test_uninstall_that_removes_leaves_nothing_behind(
    helm: Helm, world: World, kubelet: Kubelet, before: set[str], plane: Plane
) -> None:
    helm.release("install")
    owned(world)
    helm.release("upgrade", uninstall={"services": "Remove"}, crds={"keep": False})

    helm.run("uninstall", RELEASE, "-n", NAMESPACE, "--wait", "--timeout=120s")

    assert world.annotation("sysa") is None
    assert world.list("Service") == []
    assert world.list("EndpointSlice") == []
    eventually(lambda: not kubelet.running)
    space = f" {world.namespace}/"

    def left() -> set[str]:
        found = charted.everything(plane) - before
        return {one for one in found if space not in one and world.namespace not in one}

    becomes(left, set())
    assert kubelet.complaint == ""


def test_everything_on_is_accepted_and_works(
    helm: Helm, world: World, api: Api, kubelet: Kubelet, plane: Plane
) -> None:
    """With the CRDs of the Prometheus operator, and in a namespace of the restricted level."""
    helm.release("install", **ALL_ON)
    owned(world)
    told = plane.kubectl("get", "events", "-n", NAMESPACE, "-o", "name")
    refused = plane.kubectl(
        "get", "events", "-n", NAMESPACE, "--field-selector=reason=FailedCreate"
    )
    assert told
    assert "forbidden" not in refused

    with urllib.request.urlopen(f"http://127.0.0.1:{kubelet.running[0].port}/metrics") as answer:
        assert b"sysplex_leader" in answer.read()

    status, body = api.request(
        "POST",
        names.path("VIPA", world.namespace),
        {
            "apiVersion": names.API_VERSION,
            "kind": "VIPA",
            "metadata": {"name": "second"},
            "spec": {"sysplex": "plex1", "address": world.status()["address"]},
        },
    )
    assert status == 422, body
    assert "in use by VIPA web" in body["message"]


def test_lease_and_records_go_before_the_crowd(
    helm: Helm, world: World, api: Api, plane: Plane
) -> None:
    helm.release("install")
    owned(world)

    def dispatched() -> set[tuple[str, str]]:
        lines = plane.kubectl("get", "--raw", "/metrics").splitlines()
        head = "apiserver_flowcontrol_dispatched_requests_total{"
        labels = [line[len(head) :].partition("}")[0] for line in lines if line.startswith(head)]
        pairs = [dict(part.split("=") for part in one.split(",")) for one in labels]
        return {(one["flow_schema"].strip('"'), one["priority_level"].strip('"')) for one in pairs}

    wanted = {
        ("sysplex-vipa-lease", "leader-election"),
        ("sysplex-vipa-records", "workload-high"),
    }
    eventually(lambda: wanted <= dispatched())


def test_helm_test_says_whether_an_operator_leads(
    helm: Helm, kubelet: Kubelet, plane: Plane
) -> None:
    helm.release("install")
    shown = helm.run("test", RELEASE, "-n", NAMESPACE, "--timeout=120s")
    assert "Succeeded" in shown
    others = {name: log[-2000:] for name, log in kubelet.logs.items() if not name.endswith("-test")}
    assert others == {}
    log = kubelet.logs["sysplex-vipa-test"]
    assert "ok       Lease sysplex-system/sysplex-vipa: is renewed" in log

    plane.kubectl("scale", "deployment/sysplex-vipa", "--replicas=0", "-n", NAMESPACE)
    eventually(lambda: not kubelet.running)
    with pytest.raises(RuntimeError, match="Failed"):
        helm.run("test", RELEASE, "-n", NAMESPACE, "--timeout=120s")
    assert "do operators run?" in kubelet.logs["sysplex-vipa-test"]
    plane.kubectl("delete", "pod", "sysplex-vipa-test", "-n", NAMESPACE)


def test_second_release_is_refused(helm: Helm) -> None:
    """It would have a Lease of its own, and write the same records."""
    helm.release("install")
    with pytest.raises(RuntimeError, match="invalid ownership metadata"):
        helm.run(
            "install", "other", str(charted.CHART), "-n", "elsewhere", "--create-namespace",
            "--set", "addresses[0].cidr=198.51.100.0/24",
        )  # fmt: skip


def test_manifests_applied_by_hand_are_taken_over(
    helm: Helm, world: World, plane: Plane, api: Api
) -> None:
    crds = charted.CLONE / "crds"
    plane.kubectl("apply", "--server-side", "-f", str(crds))
    helm.release("install", charted.CHART, "--take-ownership", "--force-conflicts")
    owned(world)


def test_refusals_of_the_api_server_end_the_install(helm: Helm, api: Api) -> None:
    """A chart that is wrong says so before anything is there."""
    with pytest.raises(RuntimeError, match="addresses is required"):
        helm.release("install", addresses=[])
    assert not exists(api, DEPLOYMENT)
