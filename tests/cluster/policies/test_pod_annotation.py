"""The operator writes one annotation of a pod, and nothing else of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tests.cluster.policies.writing import MERGE, Api, Object, accepted, refused


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
