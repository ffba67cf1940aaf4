"""The record and other writers: an account that RBAC lets write every slice, and the collector."""

from __future__ import annotations

import secrets

import pytest
from tests.cluster.policies.writing import (
    COLLECTOR,
    FOREIGNER,
    MANAGED_BY,
    Api,
    AsUser,
    Written,
    accepted,
    patch,
    put,
    record,
    refused,
    slices,
)


def test_foreigner_makes_a_good_takeover(foreigner: Api, written: Written) -> None:
    refused(put(foreigner, written(), owner="sysb", epoch="8"), "system:masters alone")


def test_foreigner_annotates(foreigner: Api, written: Written) -> None:
    body = {"metadata": {"annotations": {"note": "mine"}}}
    refused(patch(foreigner, written(), body), "system:masters alone")


def test_foreigner_takes_the_label_off(foreigner: Api, written: Written) -> None:
    body = {"metadata": {"labels": {MANAGED_BY: None}}}
    refused(patch(foreigner, written(), body), "system:masters alone")


@pytest.mark.parametrize("name", ["web-owner", "web-targets", "mine"])
def test_foreigner_creates_a_slice_with_our_label(
    foreigner: Api, namespace: str, name: str
) -> None:
    answer = foreigner.request("POST", f"{slices(namespace)}?dryRun=All", record(name=name))
    refused(answer, "not by " + FOREIGNER)


def test_foreigner_puts_our_label_on_a_slice_of_its_own(foreigner: Api, namespace: str) -> None:
    own = record(name=f"own-{secrets.token_hex(4)}")
    del own["metadata"]["ownerReferences"]
    own["metadata"]["labels"][MANAGED_BY] = "somebody"
    status, created = foreigner.request("POST", slices(namespace), own)
    assert status == 201, created
    body = {"metadata": {"labels": {MANAGED_BY: "vipa.sysplex.dev"}}}
    refused(patch(foreigner, created, body), "system:masters alone")
    accepted(patch(foreigner, created, {"metadata": {"annotations": {"note": "mine"}}}))
    accepted(foreigner.request("DELETE", f"{slices(namespace)}/{own['metadata']['name']}"))


def test_write_that_changes_nothing(foreigner: Api, written: Written) -> None:
    accepted(patch(foreigner, written(), {}))


def test_garbage_collector_takes_references_off_but_nothing_else(
    api: Api, as_user: AsUser, foreigner: Api, written: Written, namespace: str
) -> None:
    collector = as_user(COLLECTOR)
    # An owner that is there: the real collector may be running, and would take the record away.
    _, owner = api.request("GET", f"/api/v1/namespaces/{namespace}")
    reference = {"apiVersion": "v1", "kind": "Namespace", "name": namespace}
    reference["uid"] = owner["metadata"]["uid"]
    body = {"metadata": {"ownerReferences": [reference], "finalizers": ["example.com/x"]}}
    old = written()
    refused(patch(foreigner, old, body), "system:masters alone")
    accepted(patch(collector, old, body))
    accepted(patch(collector, old, {"metadata": {"ownerReferences": None, "finalizers": None}}))
    refused(
        patch(collector, old, {"metadata": {"annotations": {"sysplex.dev/owner": "sysb"}}}),
        "system:masters alone",
    )


def test_operator_writes_a_slice_of_a_distribution(operator_api: Api, written: Written) -> None:
    """Not a record: it has no epoch, and nothing to compare."""
    old = written(name=f"web-{secrets.token_hex(4)}-targets", epoch=None, term=None)
    accepted(put(operator_api, old, address="10.1.0.2", epoch=None, term=None))


def test_slices_of_others_are_left_alone(foreigner: Api, namespace: str) -> None:
    other = record(epoch="x")
    del other["metadata"]["labels"][MANAGED_BY]
    accepted(foreigner.request("POST", f"{slices(namespace)}?dryRun=All", other))
