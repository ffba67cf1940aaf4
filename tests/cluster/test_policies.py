"""The admission policies on a real API server: the record keeps its invariants whoever writes.

The policies are the last line behind the operator's own order of writes. Each test writes as
somebody: the operator's ServiceAccount by its own token (as administrator, RBAC would not count),
an administrator, or an account that RBAC lets write every slice and that the policy must stop.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from tests.waiting import eventually

Object = dict[str, Any]
Answer = tuple[int, dict[str, Any]]

MERGE = "application/merge-patch+json"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
FOREIGNER = "system:serviceaccount:default:somebody"
COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
# Whose role lets it write whole slices only; here the policy alone is to refuse.
OPERATOR = "system:serviceaccount:sysplex-system:sysplex-vipa"


class Api(Protocol):
    """A client of the API server; `api` is one as administrator."""

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Answer: ...


class AsUser(Protocol):
    """Makes a client that writes as somebody else."""

    def __call__(self, name: str, groups: tuple[str, ...] = ()) -> Api: ...


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module", autouse=True)
def policies_in_force(foreigner: Api, namespace: str) -> None:
    """Policies and roles take a moment to reach the API server's caches after they are applied."""

    def refused() -> bool:
        status, body = foreigner.request(
            "POST", f"{slices(namespace)}?dryRun=All", record(name="probe-owner")
        )
        return status == 403 and "system:masters alone" in body["message"]

    eventually(refused, within_s=30)


def slices(namespace: str) -> str:
    return f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"


def record(
    *,
    name: str = "web-owner",
    owner: str = "sysa",
    uid: str = "uid-a",
    address: str | None = "10.1.0.1",
    epoch: str | None = "7",
    term: str | None = "3",
) -> Object:
    annotations = {"sysplex.dev/owner": owner, "sysplex.dev/owner-uid": uid}
    if epoch is not None:
        annotations["sysplex.dev/epoch"] = epoch
    if term is not None:
        annotations["sysplex.dev/term"] = term
    endpoints = [{"addresses": [address], "conditions": {"ready": True}}] if address else []
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "labels": {MANAGED_BY: "vipa.sysplex.dev", "sysplex.dev/vipa": "web"},
            "annotations": annotations,
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


RELEASED: Object = {"owner": "", "uid": "", "address": None}


@pytest.fixture
def written(api: Api, namespace: str) -> Iterator[Callable[..., Object]]:
    """Writes a record as administrator and takes it away afterwards."""
    names: list[str] = []

    def write(**fields: Any) -> Object:
        fields.setdefault("name", f"v{secrets.token_hex(4)}-owner")
        status, body = api.request("POST", slices(namespace), record(**fields))
        assert status == 201, body
        names.append(fields["name"])
        return body

    yield write
    for name in names:
        api.request("DELETE", f"{slices(namespace)}/{name}")


def put(api: Api, old: Object, **fields: Any) -> Answer:
    """The operator's way: the whole object, guarded by its resourceVersion."""
    meta = old["metadata"]
    new = record(name=meta["name"], **fields)
    new["metadata"]["resourceVersion"] = meta["resourceVersion"]
    return api.request("PUT", f"{slices(meta['namespace'])}/{meta['name']}", new)


def patch(api: Api, old: Object, body: Object) -> Answer:
    meta = old["metadata"]
    return api.request("PATCH", f"{slices(meta['namespace'])}/{meta['name']}", body, MERGE)


def refused(answer: Answer, text: str) -> None:
    status, body = answer
    assert status in (403, 422), body
    assert text in body["message"]
    # A policy that ends in an error of its own refuses too, with a text that helps nobody.
    assert "resulted in error" not in body["message"]


def accepted(answer: Answer) -> None:
    status, body = answer
    assert status in (200, 201), body


Written = Callable[..., Object]

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
    old = written(name=f"v{secrets.token_hex(4)}")
    refused(put(writer, old, epoch=None), "needs the annotation sysplex.dev/epoch")


@pytest.mark.parametrize("labels", [None, {MANAGED_BY: None}, {MANAGED_BY: "somebody"}])
def test_removed_label(writer: Api, written: Written, labels: Object | None) -> None:
    refused(patch(writer, written(), {"metadata": {"labels": labels}}), "of a record stays")


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


# --- the record: other writers ---


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
    old = written(name=f"v{secrets.token_hex(4)}-targets", epoch=None, term=None)
    accepted(put(operator_api, old, address="10.1.0.2", epoch=None, term=None))


def test_slices_of_others_are_left_alone(foreigner: Api, namespace: str) -> None:
    other = record(epoch="x")
    del other["metadata"]["labels"][MANAGED_BY]
    accepted(foreigner.request("POST", f"{slices(namespace)}?dryRun=All", other))


# --- pods ---


@pytest.fixture
def pod(api: Api, namespace: str) -> Iterator[str]:
    name = f"p{secrets.token_hex(4)}"
    path = f"/api/v1/namespaces/{namespace}/pods"
    body: Object = {
        "metadata": {
            "name": name,
            "labels": {"sysplex.dev/sysplex": "plex1"},
            "annotations": {"note": "kept"},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "example.com/main:1"}],
        },
    }
    status, created = api.request("POST", path, body)
    assert status == 201, created
    yield f"{path}/{name}"
    api.request("DELETE", f"{path}/{name}?gracePeriodSeconds=0")


@pytest.mark.parametrize("value", ['[{"vipa":"web"}]', "", None])
def test_operator_writes_and_removes_its_annotation(
    operator_api: Api, pod: str, value: str | None
) -> None:
    first = {"metadata": {"annotations": {"sysplex.dev/vipas": "[]"}}}
    accepted(operator_api.request("PATCH", pod, first, MERGE))
    body = {"metadata": {"annotations": {"sysplex.dev/vipas": value}}}
    accepted(operator_api.request("PATCH", pod, body, MERGE))


def test_operator_applies_its_annotation(operator_api: Api, pod: str) -> None:
    """As it really writes: server-side apply, which adds managedFields."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod.rsplit("/", 1)[1], "annotations": {"sysplex.dev/vipas": "[]"}},
    }
    path = f"{pod}?fieldManager=sysplex-vipa&force=true"
    accepted(operator_api.request("PATCH", path, body, "application/apply-patch+yaml"))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"spec": {"containers": [{"name": "main", "image": "example.com/evil:1"}]}}, "the spec"),
        ({"spec": {"activeDeadlineSeconds": 1}}, "the spec"),
        ({"metadata": {"labels": {"app": "other"}}}, "the labels"),
        ({"metadata": {"labels": {"sysplex.dev/sysplex": "plex2"}}}, "the labels"),
        ({"metadata": {"labels": None}}, "the labels"),
        ({"metadata": {"annotations": {"other": "x"}}}, "no annotation of a pod but"),
        ({"metadata": {"annotations": {"note": "changed"}}}, "no annotation of a pod but"),
        ({"metadata": {"annotations": {"note": None}}}, "no annotation of a pod but"),
        ({"metadata": {"annotations": None}}, "no annotation of a pod but"),
        (
            {"metadata": {"annotations": {"sysplex.dev/vipas": "[]", "sysplex.dev/bind": "x"}}},
            "no annotation of a pod but",
        ),
        ({"metadata": {"finalizers": ["example.com/x"]}}, "finalizers"),
        (
            {
                "metadata": {
                    "ownerReferences": [
                        {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}
                    ]
                }
            },
            "ownerReferences",
        ),
    ],
)
def test_operator_changes_anything_else_of_a_pod(
    operator_api: Api, pod: str, body: Object, text: str
) -> None:
    answer = operator_api.request("PATCH", pod, body, MERGE)
    refused(answer, text)
    assert "pod-annotation.sysplex.dev" in answer[1]["message"]


def test_others_change_pods_as_ever(api: Api, pod: str) -> None:
    body = {"metadata": {"labels": {"app": "other"}, "annotations": {"other": "x"}}}
    accepted(api.request("PATCH", pod, body, MERGE))


@pytest.mark.parametrize("subresource", ["status", "ephemeralcontainers", "resize"])
def test_operator_has_no_right_on_subresources(
    operator_api: Api, pod: str, subresource: str
) -> None:
    status, body = operator_api.request("PATCH", f"{pod}/{subresource}", {"status": {}}, MERGE)
    assert status == 403, body
