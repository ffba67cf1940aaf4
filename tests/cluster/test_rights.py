"""The operator's rights: all that it needs, nothing that it does not, and what it cannot do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import audited, charted
from tests.cluster.audited import Right
from tests.cluster.background import Background, connected
from tests.cluster.charted import NAMESPACE, Helm
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Api, Plane, tool
from tests.cluster.world import World
from tests.waiting import becomes, eventually

from vipa.k8s import names
from vipa.k8s.client import Client

pytestmark = [pytest.mark.xdist_group("rights"), pytest.mark.timeout(300)]

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/sysplex-vipa"
SPACES = frozenset({NAMESPACE, "kube-node-lease"})
CONFLICT = "read again after a write of ours met another one, which no test can order"
# Granted, and not asked for in everything_once.
SELDOM = {
    Right("", "services", "create"): "an apply that makes the object is audited as a patch",
    Right("coordination.k8s.io", "leases", "get", NAMESPACE): "vipa doctor, which helm test runs",
} | dict.fromkeys(
    (
        Right("", "endpoints", "get"),
        Right("", "pods", "get"),
        Right("", "services", "get"),
        Right("discovery.k8s.io", "endpointslices", "get"),
        Right("sysplex.dev", "sysplexes", "get"),
        Right("sysplex.dev", "stacks", "get"),
        Right("sysplex.dev", "vipas", "get"),
        Right("sysplex.dev", "vipabackups", "get"),
    ),
    CONFLICT,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rights")


@pytest.fixture(scope="module")
def plane(folder: Path) -> Iterator[Plane]:
    """Keeps a log of what the operator's account asks for."""
    name = f"rights-{secrets.token_hex(2)}"
    kubeconfig = tool("up", name, *audited.flags(folder))
    try:
        found = Plane(name, kubeconfig, "")
        found.kubectl("create", "namespace", NAMESPACE)
        Helm(found, folder).release("install", charted.CHART, "--wait=hookOnly", replicas=0)
        yield Plane(name, kubeconfig, charted.kubeconfig(found, folder, "sysplex-vipa"))
    finally:
        tool("down", name)


@pytest.fixture(scope="module")
def api(plane: Plane) -> Api:
    return Api(plane.kubeconfig)


@pytest.fixture(scope="module")
def account(plane: Plane) -> Api:
    """As the operator."""
    return Api(plane.operator_kubeconfig)


@pytest.fixture(scope="module")
def stage_client(plane: Plane, background: Background) -> Iterator[Client]:
    client = background.run(connected(plane.kubeconfig))
    yield client
    background.run(client.close())


@pytest.fixture
def operator(plane: Plane) -> Iterator[OperatorProcess]:
    found = OperatorProcess(plane.operator_kubeconfig)
    found.start()
    yield found
    found.end()


def everything_once(world: World, operator: OperatorProcess, folder: Path) -> None:
    """Every kind of thing that the operator does."""
    world.plex("sysa", "sysb")
    world.create(
        "VIPABackup", "more", {"sysplex": "plex1", "vipas": ["web"], "ranking": [{"stack": "sysb"}]}
    )
    world.active()
    world.service()
    world.ready("sysa", False)
    becomes(world.owner, ("sysb", 2))
    meddled(world)
    world.pod("extra", world.node())
    eventually(lambda: world.get("Stack", "extra"))
    world.gone("extra")
    becomes(lambda: world.get("Stack", "extra"), None)
    monitored(world, folder)
    world.api.request("DELETE", LEASE)
    eventually(lambda: charted.exists(world.api, LEASE))
    operator.end()
    operator.start()
    world.ready("sysa", True)
    becomes(world.owner, ("sysa", 3))
    # By the operator: with the VIPA the garbage collector might be quicker.
    world.patch("VIPA", "web", {"spec": {"ports": None}})
    becomes(lambda: world.list("Service"), [])
    world.delete("VIPA", "web")
    becomes(lambda: world.list("EndpointSlice"), [])
    becomes(lambda: world.annotation("sysb"), None)


def meddled(world: World) -> None:
    """Somebody puts a selector on our Service: stock controllers make what would split traffic."""
    world.pod("lure", world.node(), app="lure")
    world.patch("Service", "web", {"spec": {"selector": {"app": "lure"}}})
    becomes(world.slices, ["web-owner"])
    becomes(lambda: world.get("Endpoints", "web"), None)


def monitored(world: World, folder: Path) -> None:
    """Stacks that are asked, so that the Leases of their nodes are wanted."""
    # Reported only: nobody answers here, and the addresses are to stay.
    monitor = {
        "onUnresponsive": "Report",
        "probe": {"tcp": {"port": 1}},
        "interval": "100ms",
        "timeout": "100ms",
    }
    world.patch("Sysplex", "plex1", {"spec": {"monitor": monitor}})
    wanted = Right("coordination.k8s.io", "leases", "watch", "kube-node-lease")
    eventually(lambda: wanted in audited.used(audited.events(folder), SPACES))


def test_rights_are_what_is_used_and_no_more(
    world: World, operator: OperatorProcess, plane: Plane, folder: Path
) -> None:
    everything_once(world, operator, folder)
    told = audited.events(folder)
    assert audited.refused(told) == []
    manifest = Helm(plane, folder).run("get", "manifest", charted.RELEASE, "-n", NAMESPACE)
    granted = audited.allowed(manifest)
    asked = audited.used(told, SPACES)
    assert asked <= granted, f"asked for and not granted: {sorted(asked - granted)}"
    idle = granted - asked
    assert idle <= set(SELDOM), f"granted, not asked for: {sorted(idle - set(SELDOM))}"
    # Whether a conflict came by is chance; what is no conflict is not.
    surprising = {right for right in set(SELDOM) - idle if SELDOM[right] != CONFLICT}
    assert not surprising, f"asked for after all, so no reason is needed: {sorted(surprising)}"


# What the account cannot do: verb, path of the object, body.
FORBIDDEN = {
    "read Secrets": ("GET", "/api/v1/secrets"),
    "read ConfigMaps": ("GET", "/api/v1/configmaps"),
    "make pods": ("POST", "/api/v1/namespaces/default/pods"),
    "delete pods": ("DELETE", "/api/v1/namespaces/default/pods/x"),
    "evict pods": ("POST", "/api/v1/namespaces/default/pods/x/eviction"),
    "exec into pods": ("POST", "/api/v1/namespaces/default/pods/x/exec"),
    "say that a pod is ready": ("PATCH", "/api/v1/namespaces/default/pods/x/status"),
    "write nodes": ("PATCH", "/api/v1/nodes/x"),
    "write node status": ("PATCH", "/api/v1/nodes/x/status"),
    "keep a node alive": (
        "PUT",
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/x",
    ),
    "take another's Lease": (
        "PUT",
        f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/x",
    ),
    "make itself stronger": ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
    "loosen its policies": (
        "DELETE",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/record-fence.sysplex.dev",
    ),
    "change its deployment": ("PATCH", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/x"),
    "make tokens": ("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/sysplex-vipa/token"),
    "write VIPAs": ("PATCH", f"/apis/{names.API_VERSION}/namespaces/default/vipas/x"),
    "delete VIPAs": ("DELETE", f"/apis/{names.API_VERSION}/namespaces/default/vipas/x"),
    "write the spec of Stacks": ("PATCH", f"/apis/{names.API_VERSION}/namespaces/default/stacks/x"),
    "write Sysplexes": ("PATCH", f"/apis/{names.API_VERSION}/namespaces/default/sysplexes/x"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_operator_cannot(account: Api, what: str) -> None:
    method, path = FORBIDDEN[what]
    body: Any = None if method in ("GET", "DELETE") else {"metadata": {"name": "x"}}
    kind = names.MERGE if method == "PATCH" else names.JSON
    status, answer = account.request(method, path, body, kind)
    assert status == 403, answer
    assert answer["reason"] == "Forbidden"


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "POST"])
def test_operator_cannot_touch_services_of_others(account: Api, api: Api, method: str) -> None:
    """RBAC would let it: the policy does not."""
    path = "/api/v1/namespaces/default/services"
    foreign = {"metadata": {"name": "foreign"}, "spec": {"ports": [{"port": 80}]}}
    api.request("POST", path, foreign)
    # It says of itself that it is a VIPA's, and names none as its owner.
    claim = {"labels": {names.VIPA: "web"}, "annotations": {names.APPLIED: "x"}}
    change = {"metadata": {"name": "another", **claim}, "spec": {"ports": [{"port": 81}]}}

    def denied() -> bool:
        target = path if method == "POST" else f"{path}/foreign"
        body = None if method == "DELETE" else change
        if method == "PATCH":
            body = {"spec": {"selector": {"app": "mine"}}}
        dry = {"query": (("dryRun", "All"),)}
        kind = names.MERGE if method == "PATCH" else names.JSON
        status, answer = account.request(method, target, body, kind, **dry)
        assert status == 403, answer
        return "own-services.sysplex.dev" in answer["message"]

    eventually(denied)
