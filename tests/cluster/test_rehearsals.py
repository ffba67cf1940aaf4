"""Every rehearsal on a real API server with the real operator process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.plane import Api, Plane

from vipa.rehearsal import clusterrun, loader, report
from vipa.rehearsal.cluster import MARK, Cluster, Place, UnusableError
from vipa.rehearsal.runner import run
from vipa.rehearsal.steps import CLUSTER

FOLDER = Path(__file__).resolve().parents[1] / "rehearsals"
MAPS = "/api/v1/namespaces/kube-system/configmaps"
VIPAS = "/apis/sysplex.dev/v1alpha1/vipas"
LOG_LINES = 80


@pytest.fixture(scope="module")
def engine(controlplane: Plane) -> Iterator[Cluster]:
    """For no longer than these tests: its operator holds the Lease that others want."""
    found = Cluster(
        Place(
            kubeconfig=controlplane.kubeconfig,
            operator_kubeconfig=controlplane.operator_kubeconfig,
        )
    )
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_rehearsal(path: Path, engine: Cluster) -> None:
    rehearsal = loader.load(str(path))
    result = run(rehearsal, engine)
    if CLUSTER not in rehearsal.engines:
        assert result.skipped == "the file is for model"
        return
    assert not result.skipped, "each file runs in both engines unless it says so"
    log = "\n".join(engine.log().splitlines()[-LOG_LINES:])
    assert result.held, "\n".join([*report.told(result), "the operator's log:", log])


GIVEN = """
rehearsal: small
given:
  stacks: {sysa: {node: n1}, sysb: {node: n2}, sysc: {node: n1, started: false}}
  objects:
  - kind: VIPA
    metadata: {name: web}
    spec: {address: 198.51.100.10, primary: sysa, backups: [{stack: sysb, rank: 100}]}
steps:
"""
HELD = {
    "live": """
- do: [{fail: sysa}, {recover: sysa}, {kill: sysb}]
  live: true
  expect: {web: {owner: sysa, chain: []}}
""",
    "within": """
- do: {fail: sysa}
  expect: {web: {owner: sysb, reason: OwnerFailed, events: [EZZ8301I]}, within: 10s}
""",
    "status of a pod": """
- do:
    apply:
      kind: Pod
      metadata: {name: sysa, labels: {tier: front}}
      status: {conditions: [{type: Ready, status: "False"}]}
  expect: {web: {owner: sysb, reason: OwnerFailed}}
- do: {delete: pod/sysb}
  expect: {web: {owner: none}}
""",
    "a node and a namespace of its own": """
- do:
  - apply:
      apiVersion: v1
      kind: Node
      metadata: {name: n9, labels: {topology.kubernetes.io/zone: z9}}
      status: {conditions: [{type: Ready, status: "True"}]}
  - {start: {stack: sysc, node: n9}}
  - {apply: {kind: Namespace, metadata: {name: other}}}
  - {apply: {kind: VIPA, metadata: {name: web}, spec: {primary: sysc}}}
  expect: {web: {owner: sysc, pod: sysc, moves: 1}}
- do: {down: zone/z9}
  expect: {web: {owner: sysb, reason: NodeFailed}}
- do: {delete: namespace/other}
""",
    "what is not there": """
- do: {delete: vipa/db}
  expect: {refused: '"db" not found', actions: 0}
- do: {start: sysa}
  expect: {refused: already exists, actions: 0}
""",
}
FAILED = {
    "owner": ("- do: {fail: sysa}\n  expect: {web: {owner: sysa}}", "expected sysa, seen sysb"),
    "actions": ("- do: {fail: sysb}\n  expect: {actions: 0}", "changed Stack default/sysb"),
    "within": ("- do: {fail: sysa}\n  expect: {within: 1ms}", "within: expected 0.001 s"),
    "unasked refusal": ("- do: {delete: vipa/db}", "expected no refusal"),
}


@pytest.mark.parametrize("steps", HELD.values(), ids=HELD)
def test_what_the_rehearsals_do_not_use(steps: str, engine: Cluster) -> None:
    result = run(loader.loads(GIVEN + steps), engine)
    assert result.held, "\n".join([*report.told(result), engine.log()])
    assert not result.skipped


@pytest.mark.parametrize(("steps", "text"), FAILED.values(), ids=FAILED)
def test_what_does_not_hold_is_found(
    steps: str, text: str, engine: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusterrun, "POLLED_S", 3.0)
    result = run(loader.loads(GIVEN + steps), engine)
    assert not result.held
    assert text in "\n".join(report.told(result))


def test_an_operator_that_ends_fails_the_rehearsal_and_not_the_next(engine: Cluster) -> None:
    rehearsal = loader.loads(GIVEN + "- do: {fail: sysa}\n")
    engine.setup(rehearsal.given)
    os.kill(engine.run.operator.pid, signal.SIGTERM)
    engine.settle()
    assert "ended by itself" in "".join(engine.observe().restless)
    assert not engine.waits()
    assert run(rehearsal, engine).held


def test_a_verb_that_makes_no_sense_is_a_mistake_of_the_file(engine: Cluster) -> None:
    result = run(loader.loads(GIVEN + "- do: {kill: sysc}"), engine)
    assert result.wrong is not None
    assert "no pod of stack sysc" in result.wrong.message


def test_nothing_is_left_behind(controlplane: Plane, api: Api, engine: Cluster) -> None:
    """Also by an engine that was not closed: the next one removes it."""
    engine.setup(loader.loads(GIVEN + "- do: {fail: sysa}").given)
    assert len(api.request("GET", VIPAS)[1]["items"]) == 1
    Cluster(Place(kubeconfig=controlplane.kubeconfig)).close()
    for path in (VIPAS, "/api/v1/nodes"):
        assert not api.request("GET", path)[1]["items"]


def test_a_cluster_without_the_mark_is_refused(controlplane: Plane, api: Api) -> None:
    status, mark = api.request("DELETE", f"{MAPS}/{MARK}")
    assert status == 200, mark
    try:
        with pytest.raises(UnusableError, match="not marked as a cluster for rehearsals"):
            Cluster(Place(kubeconfig=controlplane.kubeconfig))
    finally:
        status, body = api.request("POST", MAPS, {"metadata": {"name": MARK}})
        assert status == 201, body


def test_an_address_where_nothing_answers_is_refused(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: a,"
        " clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}],"
        " users: [{name: a, user: {token: t}}],"
        " contexts: [{name: a, context: {cluster: a, user: a}}]}"
    )
    with pytest.raises(UnusableError, match=r"127\.0\.0\.1:1"):
        Cluster(Place(kubeconfig=str(kubeconfig)))
