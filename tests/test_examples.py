"""The examples work together as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Object = dict[str, Any]
# What is applied together.
SETS = {
    "on any cluster": [*EXAMPLES.glob("*.yaml"), *EXAMPLES.glob("stacks/*.yaml")],
    "in kind": [*EXAMPLES.glob("kind/*.yaml")],
}


@pytest.fixture(params=SETS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return [one for path in SETS[request.param] for one in yaml.safe_load_all(path.read_text())]


def specs(objects: list[Object], kind: str) -> Iterator[Object]:
    yield from (one["spec"] for one in objects if one["kind"] == kind)


def stacks(objects: list[Object]) -> list[Object]:
    """The containers of all stacks, by whatever makes their pods."""
    pods = [*specs(objects, "Pod")]
    pods += [one["template"]["spec"] for one in specs(objects, "Deployment")]
    return [container for pod in pods for container in pod["containers"]]


def test_every_vipa_leads_to_a_port_on_which_all_stacks_listen(objects: list[Object]) -> None:
    listens = {one["containerPort"] for container in stacks(objects) for one in container["ports"]}
    leads = {
        port.get("targetPort", port["port"])
        for vipa in specs(objects, "VIPA")
        for port in vipa["ports"]
    }

    assert len(stacks(objects)) == 3
    assert leads == listens


def test_every_stack_serves_on_until_kube_proxy_has_followed(objects: list[Object]) -> None:
    for container in stacks(objects):
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 3


def test_every_group_has_a_monitor(objects: list[Object]) -> None:
    assert all(one["monitor"]["probe"] for one in specs(objects, "Sysplex"))
