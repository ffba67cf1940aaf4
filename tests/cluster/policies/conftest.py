"""A namespace with accounts, for the tests of the admission policies."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.policies.writing import (
    API_VERSION,
    COLLECTOR,
    FOREIGNER,
    OPERATOR,
    Api,
    AsUser,
    Object,
    Owning,
    Written,
    record,
    references,
    slices,
    vipa_of,
)
from tests.waiting import eventually


@pytest.fixture(scope="session")
def namespace(api: Api) -> Iterator[str]:
    name = f"policies-{secrets.token_hex(4)}"
    status, body = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201, body
    # Pods need an account; nobody makes it where no controller manager runs, and 409 is as good.
    api.request(
        "POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}}
    )
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def foreigner(api: Api, as_user: AsUser, namespace: str) -> Api:
    """An account with every right on slices of the namespace, so that the policy alone refuses."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    role: Object = {
        "metadata": {"name": "slices"},
        "rules": [
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["*"]}
        ],
    }
    binding: Object = {
        "metadata": {"name": "slices"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "slices"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
            for user in (FOREIGNER, COLLECTOR, OPERATOR)
        ],
    }
    for plural, body in (("roles", role), ("rolebindings", binding)):
        status, answer = api.request("POST", f"{rbac}/{plural}", body)
        assert status == 201, answer
    return as_user(FOREIGNER)


@pytest.fixture(scope="session", autouse=True)
def policies_in_force(foreigner: Api, namespace: str) -> None:
    """Policies and roles take a moment to reach the API server's caches after they are applied."""

    def refused() -> bool:
        status, body = foreigner.request(
            "POST", f"{slices(namespace)}?dryRun=All", record(name="probe-owner")
        )
        return status == 403 and "system:masters alone" in body["message"]

    eventually(refused, within_s=30)


@pytest.fixture
def owning(api: Api, namespace: str) -> Iterator[Owning]:
    """Makes a VIPA; references to it."""
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/vipas"
    made: list[str] = []

    def own(vipa: str) -> list[Object]:
        body: Object = {"apiVersion": API_VERSION, "kind": "VIPA", "metadata": {"name": vipa}}
        body["spec"] = {"sysplex": "plex1", "address": "203.0.113.1"}
        status, found = api.request("POST", path, body)
        assert status == 201, found
        made.append(vipa)
        return references(vipa, found["metadata"]["uid"])

    yield own
    for vipa in made:
        api.request("DELETE", f"{path}/{vipa}")


@pytest.fixture
def written(api: Api, namespace: str, owning: Owning) -> Iterator[Written]:
    """Writes a record as administrator and takes it away afterwards."""
    names: list[str] = []

    def write(**fields: Any) -> Object:
        name = fields.setdefault("name", f"web-{secrets.token_hex(4)}-owner")
        new = record(**fields)
        new["metadata"]["ownerReferences"] = owning(vipa_of(name))
        status, body = api.request("POST", slices(namespace), new)
        assert status == 201, body
        names.append(name)
        return body

    yield write
    for name in names:
        api.request("DELETE", f"{slices(namespace)}/{name}")
