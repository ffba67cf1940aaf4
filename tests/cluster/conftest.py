"""Fixtures on a real control plane; one for each pytest worker."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

pytest.register_assert_rewrite("tests.cluster.world")

from tests.cluster.operatorprocess import OperatorProcess  # noqa: E402
from tests.cluster.plane import Api, Plane, tool  # noqa: E402
from tests.cluster.world import (  # noqa: E402, F401 - fixtures for every test here
    background,
    module_operator,
    proxy,
    shared_operator,
    stage_client,
    town,
    world,
)


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
