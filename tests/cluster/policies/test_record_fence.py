"""The record keeps its invariants whoever writes it: the last line behind the operator's own order.

As the operator, by the token of its ServiceAccount (as administrator RBAC would not count), and as
an administrator.
"""

from __future__ import annotations

import copy
import secrets

import pytest
from tests.cluster.policies.writing import (
    MANAGED_BY,
    RELEASED,
    Api,
    Object,
    Written,
    accepted,
    patch,
    put,
    record,
    refused,
    slices,
)

# --- the record: what the operator may write ---


def test_operator_creates_a_record(operator_api: Api, namespace: str) -> None:
    accepted(operator_api.request("POST", f"{slices(namespace)}?dryRun=All", record()))


@pytest.mark.parametrize(
    "holder",
    [
        {"owner": "sysb", "uid": "uid-b", "address": "10.1.0.2"},
        {"uid": "uid-a2", "address": "10.1.0.3"},
        {"address": "10.1.0.4"},
    ],
    ids=["takeover", "other pod of the stack", "other address of the pod"],
)
@pytest.mark.parametrize("epoch", ["8", "12"])
def test_new_holder_with_a_higher_epoch(
    operator_api: Api, written: Written, holder: Object, epoch: str
) -> None:
    accepted(put(operator_api, written(), epoch=epoch, **holder))


def test_epochs_are_compared_as_numbers(operator_api: Api, written: Written) -> None:
    accepted(put(operator_api, written(epoch="9"), owner="sysb", epoch="10"))


def test_release_keeps_the_epoch(operator_api: Api, written: Written) -> None:
    accepted(put(operator_api, written(), **RELEASED))


def test_release_may_leave_the_uid_behind(operator_api: Api, written: Written) -> None:
    accepted(put(operator_api, written(), owner="", address=None))


def test_activation_after_a_release_needs_a_higher_epoch(
    operator_api: Api, written: Written
) -> None:
    old = written(**RELEASED)
    refused(put(operator_api, old), "needs a higher epoch")
    accepted(put(operator_api, old, epoch="8"))


def test_same_holder_with_other_ports_and_a_draining_endpoint(
    operator_api: Api, written: Written
) -> None:
    old = written()
    new = copy.deepcopy(old)
    new["endpoints"].append(
        {
            "addresses": ["10.1.0.9"],
            "conditions": {"ready": False, "serving": True, "terminating": True},
        }
    )
    new["ports"] = []
    meta = old["metadata"]
    path = f"{slices(meta['namespace'])}/{meta['name']}"
    accepted(operator_api.request("PUT", path, new))


def test_higher_term_alone(operator_api: Api, written: Written) -> None:
    accepted(put(operator_api, written(), term="4"))


def test_first_term(operator_api: Api, written: Written) -> None:
    accepted(put(operator_api, written(term=None), term="0"))


# --- the record: what nobody may write, the operator and an administrator included ---


@pytest.fixture(params=["operator_api", "api"], ids=["operator", "administrator"])
def writer(request: pytest.FixtureRequest) -> Api:
    api: Api = request.getfixturevalue(request.param)
    return api


def test_lower_epoch(writer: Api, written: Written) -> None:
    refused(put(writer, written(), epoch="6"), "never goes down: sysplex.dev/epoch is 7")


def test_lower_epoch_with_a_new_holder(writer: Api, written: Written) -> None:
    refused(put(writer, written(), owner="sysb", epoch="6"), "never goes down")


def test_lower_epoch_with_a_release(writer: Api, written: Written) -> None:
    refused(put(writer, written(), **RELEASED, epoch="0"), "never goes down")


def test_removed_epoch(writer: Api, written: Written) -> None:
    refused(put(writer, written(), epoch=None), "needs the annotation sysplex.dev/epoch")


def test_removed_annotations(writer: Api, written: Written) -> None:
    body = {"metadata": {"annotations": None}}
    refused(patch(writer, written(), body), "needs the annotation sysplex.dev/epoch")


def test_removed_epoch_of_a_record_of_another_name(writer: Api, written: Written) -> None:
    old = written(name=f"web-{secrets.token_hex(4)}-mine")
    refused(put(writer, old, epoch=None), "needs the annotation sysplex.dev/epoch")


@pytest.mark.parametrize("labels", [None, {MANAGED_BY: None}, {MANAGED_BY: "somebody"}])
def test_removed_label(api: Api, written: Written, labels: Object | None) -> None:
    """By an administrator; the operator may not write a slice without it at all."""
    refused(patch(api, written(), {"metadata": {"labels": labels}}), "of a record stays")


@pytest.mark.parametrize(
    "holder",
    [
        {"owner": "sysb"},
        {"uid": "uid-b"},
        {"address": "10.1.0.2"},
        {"address": None},
        {"owner": ""},
        {"owner": "sysb", "uid": "uid-b", "address": "10.1.0.2"},
    ],
    ids=["owner", "uid", "address", "no endpoint", "no owner", "all"],
)
def test_new_holder_with_the_same_epoch(writer: Api, written: Written, holder: Object) -> None:
    refused(put(writer, written(), **holder), "write sysplex.dev/epoch 8")


def test_other_endpoint_in_front(writer: Api, written: Written) -> None:
    endpoints = [{"addresses": ["10.1.0.2"]}, {"addresses": ["10.1.0.1"]}]
    refused(patch(writer, written(), {"endpoints": endpoints}), "needs a higher epoch")


def test_higher_epoch_with_the_same_holder(writer: Api, written: Written) -> None:
    refused(put(writer, written(), epoch="8"), "leave sysplex.dev/epoch at 7")


def test_higher_epoch_with_a_release(writer: Api, written: Written) -> None:
    refused(put(writer, written(), **RELEASED, epoch="8"), "also when the owner is released")


def test_higher_epoch_without_any_holder(writer: Api, written: Written) -> None:
    refused(put(writer, written(**RELEASED), **RELEASED, epoch="8"), "leave sysplex.dev/epoch at 7")


@pytest.mark.parametrize(
    "epoch",
    ["", "x", "-1", "+8", "08", "8.0", "1e3", " 8", "8 ", "8\n", "0x8", "9223372036854775808"],
)
def test_malformed_epoch(writer: Api, written: Written, namespace: str, epoch: str) -> None:
    text = "must be a whole number"
    refused(put(writer, written(), owner="sysb", epoch=epoch), text)
    new = record(epoch=epoch)
    refused(writer.request("POST", f"{slices(namespace)}?dryRun=All", new), text)


def test_record_without_an_epoch(writer: Api, namespace: str) -> None:
    answer = writer.request("POST", f"{slices(namespace)}?dryRun=All", record(epoch=None))
    refused(answer, "needs the annotation sysplex.dev/epoch")


def test_lower_term(writer: Api, written: Written) -> None:
    refused(put(writer, written(), term="2"), "sysplex.dev/term never goes down")


def test_lower_term_with_a_good_takeover(writer: Api, written: Written) -> None:
    answer = put(writer, written(), owner="sysb", epoch="8", term="2")
    refused(answer, "sysplex.dev/term never goes down")


@pytest.mark.parametrize("term", [None, "", "x", "-1", "9223372036854775808"])
def test_removed_or_malformed_term(writer: Api, written: Written, term: str | None) -> None:
    refused(put(writer, written(), term=term), "the annotation sysplex.dev/term must stay")


def test_administrator_makes_another_stack_the_owner(api: Api, written: Written) -> None:
    accepted(put(api, written(), owner="sysc", uid="uid-c", address="10.1.0.3", epoch="8"))
