"""Fixtures on a real control plane; one for each pytest worker."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

# What asserts and is no test module. The folders' own here, too: each is imported soon after.
ASSERTING = ("history", "seen", "world", "codec.wire", "policies.writing", "faults.theatre")
pytest.register_assert_rewrite(*(f"tests.cluster.{name}" for name in ASSERTING))

from tests.cluster.background import Background, connected  # noqa: E402
from tests.cluster.faultproxy import FaultProxy  # noqa: E402
from tests.cluster.operatorprocess import OperatorProcess, operating  # noqa: E402
from tests.cluster.plane import Api, Plane, tool  # noqa: E402
from tests.cluster.seen import said  # noqa: E402
from tests.cluster.world import World, staged  # noqa: E402
from tests.waiting import becomes  # noqa: E402

from vipa.k8s.client import Client  # noqa: E402


@pytest.fixture(scope="session")
def controlplane(worker_id: str) -> Iterator[Plane]:
    name = f"test-{worker_id}-{secrets.token_hex(2)}"
    kubeconfig = tool("up", name)
    try:
        yield Plane(name, kubeconfig, tool("install", name))
    finally:
        tool("down", name)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """pytest-xdist's id of this worker, or `alone`."""
    found = getattr(request.config, "workerinput", None)
    return str(found["workerid"]) if found else "alone"


@pytest.fixture(scope="session")
def api(controlplane: Plane) -> Api:
    """As administrator."""
    return Api(controlplane.kubeconfig)


@pytest.fixture(scope="session")
def operator_api(controlplane: Plane) -> Api:
    """As the operator's ServiceAccount."""
    return Api(controlplane.operator_kubeconfig)


@pytest.fixture(scope="session")
def as_user(controlplane: Plane) -> Callable[..., Api]:
    """As anybody, by impersonation."""

    def client(name: str, groups: tuple[str, ...] = ()) -> Api:
        headers = {"Impersonate-User": name}
        if groups:
            headers["Impersonate-Group"] = groups[0]
        return Api(controlplane.kubeconfig, headers)

    return client


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    name = f"t-{secrets.token_hex(4)}"
    status, body = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201, body
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def kubectl(controlplane: Plane) -> Callable[..., str]:
    return controlplane.kubectl


@pytest.fixture
def operator(controlplane: Plane) -> Iterator[OperatorProcess]:
    """A running operator, ready."""
    process = OperatorProcess(controlplane.operator_kubeconfig)
    process.start()
    try:
        yield process
    finally:
        process.end()


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    found = Background()
    yield found
    found.close()


@pytest.fixture(scope="session")
def stage_client(controlplane: Plane, background: Background) -> Iterator[Client]:
    client = background.run(connected(controlplane.kubeconfig))
    yield client
    background.run(client.close())


@pytest.fixture
def world(api: Api, background: Background, stage_client: Client) -> Iterator[World]:
    with staged(api, background, stage_client) as found:
        yield found


@pytest.fixture(scope="module")
def module_operator(controlplane: Plane) -> Iterator[OperatorProcess]:
    allowed = ("198.51.100.0/24", "2001:db8::/32", "10.0.0.0/16")
    flags = [part for cidr in allowed for part in ("--allowed-cidr", cidr)]
    with operating(controlplane.operator_kubeconfig, *flags) as found:
        yield found


@pytest.fixture
def shared_operator(module_operator: OperatorProcess) -> OperatorProcess:
    """One for all tests of a module; whoever ended it leaves it to the next one to start it."""
    if not module_operator.running:
        module_operator.start()
    return module_operator


@pytest.fixture
def town(world: World) -> Iterator[World]:
    """sysa, sysb, and a bystander on sysx, of whose record nothing is so much as touched
    but by a new leader's term."""
    world.plex("sysa", "sysb", "sysx")
    world.vipa("bystander", primary="sysx", backups=None)
    becomes(lambda: world.owner("bystander"), ("sysx", 1))
    becomes(lambda: world.status("bystander").get("state"), "Active")
    world.service("bystander")
    before = said(world.record("bystander"))
    yield world
    assert said(world.record("bystander")) == before


@pytest.fixture
def proxy(controlplane: Plane, background: Background) -> Iterator[FaultProxy]:
    found = FaultProxy(controlplane.operator_kubeconfig)
    background.run(found.open())
    yield found
    background.run(found.close())
