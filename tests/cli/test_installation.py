"""`vipa doctor`, which `helm test` runs, and the hidden command that an uninstall may run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.fake import FakeApi, kubeconfig, serving
from tests.cli.ran import Vipa

from vipa.k8s import names

STACKS = "/apis/sysplex.dev/v1alpha1/stacks"
FORBIDDEN = (403, {"kind": "Status", "message": "stacks is forbidden", "reason": "Forbidden"})


@pytest.fixture
def fake(sample: str) -> FakeApi:
    return FakeApi(sample)


@pytest.fixture
def config(fake: FakeApi, tmp_path: Path) -> Iterator[str]:
    with serving(fake) as server:
        yield kubeconfig(tmp_path, server)


def led(fake: FakeApi, holder: str = "vipa-0", duration: int = 1) -> dict[str, Any]:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": duration, "leaseTransitions": 3}
    lease = {
        "metadata": {"name": "sysplex-vipa", "namespace": "sysplex-system", "resourceVersion": "7"},
        "spec": {**spec, "renewTime": "2026-01-31T12:00:00.000000Z"},
    }
    fake.objects["Lease", "sysplex-system", "sysplex-vipa"] = lease
    return lease


def renewing(fake: FakeApi) -> None:
    """Every look finds the Lease renewed."""
    lease, inner, count = led(fake), fake.answer, itertools.count()

    def answer(method: str, path: str, body: dict[str, Any]) -> Any:
        lease["spec"]["renewTime"] = f"2026-01-31T12:00:00.{next(count):06d}Z"
        return inner(method, path, body)

    fake.answer = answer  # type: ignore[method-assign]


def test_an_installation_that_works(vipa: Vipa, fake: FakeApi, config: str) -> None:
    renewing(fake)
    ran = vipa("doctor", "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("ok  ") == 3
    assert "vipa-0 leads, term 3" in ran.out


def test_a_lease_that_nobody_renews(vipa: Vipa, fake: FakeApi, config: str) -> None:
    led(fake)
    ran = vipa("doctor", "--kubeconfig", config)
    ran.refused(1, "1 of 2 checks found a problem")
    assert "not renewed for 1 s; do operators run?" in ran.out


def test_nobody_leads_and_no_rights(vipa: Vipa, fake: FakeApi, config: str) -> None:
    led(fake, holder="")
    fake.faults[STACKS] = FORBIDDEN
    ran = vipa("doctor", "--kubeconfig", config)
    ran.refused(1, "2 of 2 checks found a problem")
    assert "nobody leads" in ran.out
    assert "ask for the rights in crds/rbac.yaml" in ran.out


def operator(fake: FakeApi) -> None:
    """What the operator does when VIPAs go: takes down what it made for them."""

    def deleted(kind: str, *_: str) -> None:
        if kind != "VIPA":
            return
        for key in [key for key in fake.objects if key[0] in ("Service", "EndpointSlice")]:
            del fake.objects[key]
        for one in fake.objects.values():
            one["metadata"].pop("annotations", None)

    fake.on_delete = deleted


def test_everything_is_removed_only_if_that_is_meant(vipa: Vipa, config: str) -> None:
    vipa("remove-everything", "--kubeconfig", config).refused(2, "say --yes if you mean it")


def test_everything_is_removed(vipa: Vipa, fake: FakeApi, config: str) -> None:
    operator(fake)
    ran = vipa("remove-everything", "--yes", "--kubeconfig", config)
    assert (ran.code, ran.err) == (0, "")
    assert {kind for kind, _, _ in fake.objects} <= {"Pod", "Node", "ServiceCIDR"}


def test_what_is_left_is_named_if_no_operator_takes_it_down(
    vipa: Vipa, fake: FakeApi, config: str
) -> None:
    services = [key for key in fake.objects if key[0] == "Service"]
    for key in services:
        fake.objects[key]["metadata"].setdefault("labels", {})[names.VIPA] = "web"
    ran = vipa("remove-everything", "--yes", "--timeout", "1s", "--kubeconfig", config)
    ran.refused(1, "does an operator run? It takes down what it made")
    assert "after 1 s there still are " in ran.err


def test_a_timeout_is_a_duration(vipa: Vipa, config: str) -> None:
    ran = vipa("remove-everything", "--yes", "--timeout", "soon", "--kubeconfig", config)
    ran.refused(2, "write a duration such as 120s or 2m")
