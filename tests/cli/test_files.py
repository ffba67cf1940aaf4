"""Reading files: documents, Lists, folders, stdin, and everything that can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.ran import Vipa

NODE = "{apiVersion: v1, kind: Node, metadata: {name: n1}}"
VIPA_ = (
    "{apiVersion: sysplex.dev/v1alpha1, kind: VIPA, metadata: {name: web}, "
    "spec: {sysplex: plex1, address: 198.51.100.10, primary: sysa}}"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "-:2: is no YAML: "),
        ("a: b: c", "-:1: is no YAML: mapping values are not allowed"),
        ("\x00", "-: is no YAML: "),
        ("a: !!python/none", "-:1: is no YAML: could not determine a constructor"),
        ("[" * 3000, "-"),
        ("- a", "-:1: is no Kubernetes object: write a mapping"),
        ("{kind: List, items: [1]}", "-:1: is no Kubernetes object"),
        ("", "-: no object of the kinds that matter here (EndpointSlice, Endpoints, Event, Node"),
        ("{kind: Deployment, metadata: {name: a}}", "no object of the kinds that matter"),
        ("{kind: VIPA}", "-:1: VIPA without metadata.name: write one"),
        ("{kind: VIPA, metadata: {name: 5}}", "-:1: VIPA without metadata.name: write one"),
        (
            "{kind: List, metadata: {annotations: {sysplex.dev/now: yesterday}}, "
            "items: [{kind: Node, metadata: {name: n1}}]}",
            "annotation sysplex.dev/now is 'yesterday': write a time",
        ),
    ],
)
@pytest.mark.parametrize("command", ["plan", "status"])
def test_what_cannot_be_read(vipa: Vipa, command: str, text: str, message: str) -> None:
    vipa(command, "-f", "-", stdin=text).refused(2, message)


def test_files_that_cannot_be_read(vipa: Vipa, tmp_path: Path) -> None:
    for command in ("plan", "lint"):
        flag = [] if command == "lint" else ["-f"]
        missing = str(tmp_path / "nix.yaml")
        vipa(command, *flag, missing).refused(2, f"{missing}: cannot be read: No such file")
        vipa(command, *flag, str(tmp_path)).refused(2, "the folder holds no file named *.yaml")
    binary = tmp_path / "b.bin"
    binary.write_bytes(b"\xff\xfe")
    vipa("plan", "-f", str(binary)).refused(2, "is no UTF-8 text")
    (tmp_path / "c.yaml").write_text("a: [\n")
    vipa("lint", str(tmp_path)).refused(2, "c.yaml:2: is no YAML")


@pytest.mark.parametrize(
    "text",
    [
        VIPA_,
        f"---\n{VIPA_}\n---\n---\n{NODE}\n",
        f"{{apiVersion: v1, kind: List, items: [{VIPA_}, {NODE}]}}",
        f"{{apiVersion: v1, kind: List, items: [{{kind: List, items: [{VIPA_}]}}]}}",
        "{apiVersion: sysplex.dev/v1alpha1, kind: VIPAList, items: [{metadata: {name: web}, "
        "spec: {sysplex: plex1, address: 198.51.100.10, primary: sysa}}]}",
        json.dumps({"kind": "VIPA", "metadata": {"name": "web"}, "spec": {"sysplex": "plex1"}}),
    ],
)
def test_forms_of_files(vipa: Vipa, text: str) -> None:
    found = json.loads(vipa("plan", "-f", "-", "-o", "json", stdin=text).out)
    assert list(found["vipas"]) == ["default/web"]


def test_a_time_without_quotes_is_text(vipa: Vipa) -> None:
    text = (
        "apiVersion: sysplex.dev/v1alpha1\nkind: Sysplex\n"
        "metadata: {name: plex1, creationTimestamp: 2026-01-31T12:00:00Z, namespace: null}\n"
    )
    assert vipa("plan", "-f", "-", stdin=text).code == 0
    assert vipa("lint", "-", stdin=text).code == 0


def test_kinds_of_other_groups_are_passed_over(vipa: Vipa) -> None:
    other = "{apiVersion: serving.example/v1, kind: Service, metadata: {name: web}}"
    odd = "{apiVersion: 7, kind: Service, metadata: {name: web}}"
    text = f"{other}\n---\n{odd}\n---\n{VIPA_}\n"
    out = vipa("explain", "web", "-f", "-", stdin=text).out
    assert "ServiceConflict" not in out


def test_pods_outside_of_every_group_do_not_count(vipa: Vipa) -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: null}}"
    assert "no pod with a label" in vipa("plan", "-f", "-", stdin=f"{VIPA_}\n---\n{pod}").out
