"""The list of refusals against the CRDs of a real API server.

The same list runs against the parser in the core; here it proves that schema and CEL rules say the
same. Creation is tried as a server-side dry run, which leaves nothing behind and runs every rule
but those that compare with the stored object: for these the object is created for real.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parents[1] / "refusals.yaml").read_text())
PLURALS = {
    "Sysplex": "sysplexes",
    "Stack": "stacks",
    "VIPA": "vipas",
    "VIPABackup": "vipabackups",
}


class Api(Protocol):
    """A client of the API server; the fixture `api` is one as administrator."""

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]: ...


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """A namespace of our own: a running operator elsewhere sees the objects, but meets no pods."""
    name = f"refusals-{secrets.token_hex(4)}"
    status, body = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert status == 201, body
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


def collection(namespace: str, kind: str) -> str:
    return f"/apis/sysplex.dev/v1alpha1/namespaces/{namespace}/{PLURALS[kind]}"


def dry_create(api: Api, namespace: str, obj: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    # Strict: a slip of the pen in an example would be pruned, and the example prove nothing.
    path = f"{collection(namespace, obj['kind'])}?dryRun=All&fieldValidation=Strict"
    return api.request("POST", path, obj)


def change(
    api: Api, namespace: str, obj: dict[str, Any], update: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Create `obj`, put `update` in its place, take it away; the answer is that to the change."""
    path = collection(namespace, obj["kind"])
    status, created = api.request("POST", f"{path}?fieldValidation=Strict", obj)
    assert status == 201, created
    try:
        update = copy.deepcopy(update)
        update["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"]
        name = update["metadata"]["name"]
        return api.request("PUT", f"{path}/{name}?fieldValidation=Strict", update)
    finally:
        api.request("DELETE", f"{path}/{obj['metadata']['name']}")


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_refused(api: Api, namespace: str, case: dict[str, Any]) -> None:
    if "update" in case:
        status, body = change(api, namespace, case["object"], case["update"])
    else:
        status, body = dry_create(api, namespace, case["object"])
    assert (status, body.get("reason")) == (422, "Invalid"), body
    assert case["text"] in body["message"]


@pytest.mark.parametrize("case", CASES["accepted"], ids=lambda case: case["name"])
def test_accepted(api: Api, namespace: str, case: dict[str, Any]) -> None:
    if "update" in case:
        status, body = change(api, namespace, case["object"], case["update"])
        assert status == 200, body
    else:
        status, body = dry_create(api, namespace, case["object"])
        assert status == 201, body


def test_largest_objects_stay_within_the_cost_of_rules(api: Api, namespace: str) -> None:
    """The API server gives up on an object whose rules cost too much; the bounds prevent it."""
    long = [f"s{number:0>62}" for number in range(254)]
    vipa: dict[str, Any] = {
        "sysplex": "p" * 63,
        "address": "2001:db8:1111:2222:3333:4444:5555:6666",
        "primary": "s" * 63,
        "backups": [{"stack": stack, "rank": 254} for stack in long],
        "ports": [
            {"name": f"p{n:0>62}", "port": 65000 + n, "targetPort": "a-b-c-d-e-f-g-h"}
            for n in range(100)
        ],
    }
    ranking: dict[str, Any] = {
        "sysplex": "p" * 63,
        "vipas": [f"v{number:0>51}" for number in range(1024)],
        "ranking": [{"stack": stack} for stack in long],
    }
    stack: dict[str, Any] = {
        "sysplex": "p" * 63,
        "quiescedPorts": list(range(1, 65)),
        "deactivated": ranking["vipas"],
    }
    for kind, spec in (("VIPA", vipa), ("VIPABackup", ranking), ("Stack", stack)):
        obj = {
            "apiVersion": "sysplex.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": "w" * 52},
            "spec": spec,
        }
        status, body = dry_create(api, namespace, obj)
        assert status == 201, body


@pytest.mark.parametrize("status", [{"epoch": 6}, {"epoch": None}, None])
def test_epoch_in_status_never_goes_down(
    api: Api, namespace: str, status: dict[str, Any] | None
) -> None:
    """A lost record is written anew from this copy: nobody may turn it back or take it away."""
    path = collection(namespace, "VIPA")
    name = f"v{secrets.token_hex(4)}"
    vipa = {
        "apiVersion": "sysplex.dev/v1alpha1",
        "kind": "VIPA",
        "metadata": {"name": name},
        "spec": {"sysplex": "plex1", "address": "198.51.100.10"},
    }
    assert api.request("POST", path, vipa)[0] == 201
    merge = "application/merge-patch+json"
    path = f"{path}/{name}"
    first = {"status": {"epoch": 7, "state": "Active"}}
    assert api.request("PATCH", f"{path}/status", first, merge)[0] == 200
    code, body = api.request("PATCH", f"{path}/status", {"status": status}, merge)
    assert code == 422, body
    assert "status.epoch never goes down" in body["message"]
    assert api.request("PATCH", f"{path}/status", {"status": {"epoch": 8}}, merge)[0] == 200
    api.request("DELETE", path)


def test_every_example_has_a_name_of_its_own() -> None:
    for cases in CASES.values():
        names = [case["name"] for case in cases]
        assert len(names) == len(set(names))
