"""What the chart renders, without a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, Object, Render
from tests.cluster.plane import CLONE

import vipa
from vipa.k8s import leases

EVERYTHING: dict[str, Any] = {
    "policies": {"uniqueAddress": True},
    "uninstall": {"services": "Remove"},
    "monitoring": {"scrape": "PodMonitor", "rules": True, "dashboard": True},
}
REFUSED: dict[str, dict[str, Any]] = {
    "addresses is required": {"addresses": []},
    "/addresses/0": {"addresses": [{"range": "198.51.100.0/24"}]},
    "/addresses/0/cidr": {"addresses": [{"cidr": "the office"}]},
    "/addresses/0/namespaces/0": {"addresses": [{"cidr": "::1", "namespaces": ["Team_A"]}]},
    "/replicas": {"replicas": "two"},
    "/uninstall/services": {"uninstall": {"services": "Drop"}},
    "additional properties 'replica' not allowed": {"replica": 3},
    "set uninstall.services=Remove too": {"crds": {"keep": False}},
}


def found(objects: list[Object], kind: str, name: str = "") -> Object:
    (one,) = (
        one for one in objects if one["kind"] == kind and name in ("", one["metadata"]["name"])
    )
    return one


def container(objects: list[Object]) -> Object:
    spec = found(objects, "Deployment")["spec"]["template"]["spec"]
    return dict(spec["containers"][0])


def test_lint_finds_nothing(run: Callable[..., str]) -> None:
    shown = run("helm", "lint", "--strict", str(CHART), "--set", "addresses[0].cidr=::1")
    assert "0 chart(s) failed" in shown


@pytest.mark.parametrize("message", REFUSED)
def test_values_that_make_no_sense_are_refused(render: Render, message: str) -> None:
    with pytest.raises(RuntimeError, match=re.escape(message)):
        render(**REFUSED[message])


def test_chart_is_of_the_version_that_it_installs() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["appVersion"] == vipa.__version__


def test_addresses_become_flags_with_their_namespaces(render: Render) -> None:
    given = [{"cidr": "198.51.100.0/24", "namespaces": ["a", "b"]}, {"cidr": "2001:db8::/32"}]
    flags = [one for one in container(render(addresses=given))["args"] if "cidr" in one]
    assert flags == ["--allowed-cidr=198.51.100.0/24=a,b", "--allowed-cidr=2001:db8::/32"]


def test_account_and_namespace_are_the_same_everywhere(render: Render) -> None:
    """Policies, bindings, flow schemas and pods must speak of one account."""
    objects = render(serviceAccount={"name": "someone"}, **EVERYTHING)
    text = json.dumps(objects)
    assert "sysplex-system" not in text
    accounts = set(re.findall(r"system:serviceaccount:elsewhere:[a-z-]+", text))
    assert accounts == {"system:serviceaccount:elsewhere:someone"}
    bound = [
        (subject["name"], subject["namespace"])
        for one in objects
        for subject in one.get("subjects", ())
    ]
    assert set(bound) == {("someone", "elsewhere"), ("sysplex-vipa-uninstall", "elsewhere")}


def test_lease_has_the_name_that_the_operator_asks_for(render: Render) -> None:
    objects = render()
    assert found(objects, "Lease")["metadata"]["name"] == leases.NAME
    (env,) = container(objects)["env"]
    assert env["name"] == "POD_NAMESPACE"


def test_everything_has_the_labels_of_the_release(render: Render) -> None:
    for one in render(**EVERYTHING):
        labels = one["metadata"].get("labels", {})
        assert labels.get("app.kubernetes.io/instance") == "rel", one["metadata"]["name"]


def test_definitions_and_policies_say_what_crds_say(render: Render) -> None:
    """Templates are made by text: read back they are the same objects."""
    objects = render(policies={"uniqueAddress": True})
    for path in sorted((CLONE / "crds").rglob("*.yaml")):
        text = path.read_text().replace("sysplex-system", "elsewhere")
        for wanted in yaml.safe_load_all(text):
            if wanted["kind"] in ("Namespace", "ServiceAccount"):
                continue
            spaces = wanted["metadata"].get("namespace")
            (made,) = (
                one
                for one in objects
                if one["kind"] == wanted["kind"]
                and one["metadata"]["name"] == wanted["metadata"]["name"]
                and one["metadata"].get("namespace") == spaces
            )
            assert {**made, "metadata": 0} == {**wanted, "metadata": 0}, path


@pytest.mark.parametrize("keep", [True, False])
def test_definitions_stay_at_uninstall_if_they_are_to_be_kept(render: Render, keep: bool) -> None:
    for one in render(crds={"keep": keep}, uninstall={"services": "Remove"}):
        notes = one["metadata"].get("annotations", {})
        kept = notes.get("helm.sh/resource-policy") == "keep"
        assert kept == (keep and one["kind"] == "CustomResourceDefinition")


def test_switches_leave_out_what_they_name(render: Render) -> None:
    off = {"enabled": False}
    names = ("recordFence", "podAnnotation", "ownServices", "ownSlices", "uniqueAddress")
    objects = render(
        crds={"install": False},
        policies=dict.fromkeys(names, False),
        flowSchemas=off,
        podDisruptionBudget=off,
        networkPolicy=off,
        serviceAccount={"create": False},
    )
    kinds = {one["kind"] for one in objects}
    roles = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    assert kinds == roles | {"Lease", "Deployment", "Pod"}


def test_every_rule_of_a_role_has_its_reason_above_it() -> None:
    for path in (CHART / "templates").rglob("*.yaml"):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("- apiGroups:"):
                assert lines[number - 1].startswith("#"), f"{path.name}:{number + 1}"


def test_pods_are_what_the_restricted_level_asks_for(render: Render) -> None:
    objects = render(**EVERYTHING)
    specs = [one["spec"] for one in objects if one["kind"] == "Pod"]
    specs += [
        one["spec"]["template"]["spec"] for one in objects if "template" in one.get("spec", {})
    ]
    assert len(specs) == 3
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (only,) = spec["containers"]
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_readme_and_schema_are_those_of_the_values() -> None:
    """What `make lint` compares; a value that nobody described ends it."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert schema["properties"].keys() == values.keys()
    readme = Path(CHART / "README.md").read_text()
    assert '| `uninstall.services` | `"Keep"` |' in readme
