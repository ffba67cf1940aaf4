"""The operator writes slices that belong to a VIPA, and no others."""

from __future__ import annotations

import copy
import secrets

import pytest
from tests.cluster.policies.writing import (
    MANAGED_BY,
    Api,
    Object,
    Owning,
    Written,
    accepted,
    record,
    references,
    refused,
    slices,
)
from tests.waiting import eventually

NAMESPACE = [{"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": "u2"}]
NOT_OURS = {
    "without its label": {"labels": {MANAGED_BY: None}},
    "as somebody else's": {"labels": {MANAGED_BY: "endpointslice-controller.k8s.io"}},
    "without a VIPA": {"ownerReferences": None},
    "without the VIPA's label": {"labels": {"sysplex.dev/vipa": None}},
    "of another VIPA": {"labels": {"sysplex.dev/vipa": "other"}},
    # The garbage collector would leave these.
    "with a second owner": {"ownerReferences": [*references("web"), *NAMESPACE]},
    "of a kind that nobody serves": {
        "ownerReferences": [{**references("web")[0], "apiVersion": "sysplex.dev/v0"}]
    },
}


def changed(given: Object, metadata: Object) -> Object:
    """An object with other metadata; a label of None is taken off."""
    new = copy.deepcopy(given)
    labels = new["metadata"]["labels"] | metadata.get("labels", {})
    new["metadata"] |= metadata
    new["metadata"]["labels"] = {key: one for key, one in labels.items() if one is not None}
    return new


@pytest.mark.parametrize("what", NOT_OURS)
def test_operator_creates_no_slice(operator_api: Api, namespace: str, what: str) -> None:
    new = changed(record(), NOT_OURS[what])
    answer = operator_api.request("POST", f"{slices(namespace)}?dryRun=All", new)
    refused(answer, "own-slices.sysplex.dev")


@pytest.mark.parametrize("name", ["webshop-owner", "web-a-owner", "web"])
def test_operator_creates_no_slice_with_the_name_of_another_vipas(
    operator_api: Api, namespace: str, name: str
) -> None:
    of_web = {"labels": {"sysplex.dev/vipa": "web"}, "ownerReferences": references("web")}
    new = changed(record(name=name), of_web)
    answer = operator_api.request("POST", f"{slices(namespace)}?dryRun=All", new)
    refused(answer, "is named after it")


@pytest.mark.parametrize("what", NOT_OURS)
def test_operator_makes_no_slice_of_its_own_somebody_elses(
    operator_api: Api, written: Written, what: str
) -> None:
    old = written(epoch=None, term=None, name=f"web-{secrets.token_hex(4)}-targets")
    path = f"{slices(old['metadata']['namespace'])}/{old['metadata']['name']}"
    refused(operator_api.request("PUT", path, changed(old, NOT_OURS[what])), "own-slices")


@pytest.mark.parametrize("manager", ["", "endpointslice-controller.k8s.io"])
def test_operator_takes_over_no_slice_of_somebody_else(
    api: Api, operator_api: Api, namespace: str, owning: Owning, manager: str
) -> None:
    """Nor does one become ours by the write itself."""
    vipa = f"web-{secrets.token_hex(4)}"
    ours = record(name=f"{vipa}-targets", epoch=None, term=None)
    theirs = {"labels": {MANAGED_BY: manager or None}, "ownerReferences": owning(vipa)}
    foreign = changed(ours, theirs)
    status, made = api.request("POST", slices(namespace), foreign)
    assert status == 201, made
    path = f"{slices(namespace)}/{made['metadata']['name']}"
    new = changed(made, {"labels": ours["metadata"]["labels"]})
    refused(operator_api.request("PUT", path, new), "belongs to somebody else")
    accepted(operator_api.request("DELETE", path))


def test_slice_that_names_no_vipa_that_is_there_is_collected(
    operator_api: Api, namespace: str
) -> None:
    """Why it must name one: a uid can be invented, but what has it does not stay."""
    name = f"web-{secrets.token_hex(4)}-targets"
    new = record(name=name, epoch=None, term=None)
    accepted(operator_api.request("POST", slices(namespace), new))
    path = f"{slices(namespace)}/{name}"
    # The collector looks for new kinds every 30 s; those it does not know it leaves alone.
    eventually(lambda: operator_api.request("GET", path)[0] == 404, within_s=90)
