"""What of the cluster engine can be seen without a cluster: names, changes, processes."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import eventually

from vipa.core.cluster import Key
from vipa.k8s import names
from vipa.rehearsal import loader
from vipa.rehearsal.background import Background
from vipa.rehearsal.cluster import Cluster, Place
from vipa.rehearsal.clusterworld import ClusterWorld
from vipa.rehearsal.lens import Lens
from vipa.rehearsal.processes import Forks, Operator, ProcessError, command

WEB = Key("default", "web")
GONE_WITHIN_S = 10.0


def _object(kind: str, name: str, version: int, **rest: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "r1-default", "uid": f"u-{kind}-{name}"}
    meta |= {"resourceVersion": str(version), **rest.pop("metadata", {})}
    return {"kind": kind, "metadata": meta, **rest}


def _line(type_: str, raw: dict[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": raw}).encode()


def _record(version: int, owner: str, epoch: int) -> dict[str, Any]:
    notes = {names.OWNER: owner, names.EPOCH: str(epoch), names.FENCE: f"7.{epoch}"}
    labels = {names.VIPA: "web", names.MANAGED_BY: names.MANAGED_BY_VALUE}
    return _object(
        "EndpointSlice",
        "web-owner",
        version,
        metadata={"annotations": notes, "labels": labels},
        endpoints=[{"addresses": ["10.0.0.1"], "nodeName": "r1-n1"}],
    )


@pytest.fixture
def seen() -> ClusterWorld:
    return ClusterWorld(Lens("r1-"))


def test_names_go_out_under_the_prefix_and_come_back_without() -> None:
    lens = Lens("r1-")
    pod = {"kind": "Pod", "metadata": {"name": "a", "namespace": "default"}}
    out = lens.outward({**pod, "spec": {"nodeName": "n1", "containers": [{"name": "n1"}]}})
    assert out["metadata"] == {"name": "a", "namespace": "r1-default"}
    assert out["spec"] == {"nodeName": "r1-n1", "containers": [{"name": "n1"}]}
    node = lens.outward({"kind": "Node", "metadata": {"name": "n1"}})
    assert node["metadata"] == {"name": "r1-n1"}
    assert lens.inward(b'{"namespace": "r1-default"}') == b'{"namespace": "default"}'
    assert lens.inward(b'{"namespace": "r2-default"}') is None
    assert lens.text('namespaces "r1-default" not found') == 'namespaces "default" not found'


def test_what_other_runs_and_other_people_do_is_not_seen(seen: ClusterWorld) -> None:
    raw = _object("VIPA", "web", 1, spec={"address": "198.51.100.10"})
    raw["metadata"]["namespace"] = "r2-default"
    seen.hear("VIPA", "ADDED", _line("ADDED", raw))
    assert not seen.world.vipas
    assert not seen.heard


def test_a_record_is_followed_through_a_step(seen: ClusterWorld) -> None:
    seen.hear("EndpointSlice", "ADDED", _line("ADDED", _record(1, "sysa", 1)))
    seen.begin()
    seen.hear("EndpointSlice", "MODIFIED", _line("MODIFIED", _record(2, "", 1)))
    seen.hear("EndpointSlice", "MODIFIED", _line("MODIFIED", _record(3, "sysb", 2)))
    seen.hear("EndpointSlice", "MODIFIED", _line("MODIFIED", _record(2, "", 1)))
    seen.hear("EndpointSlice", "DELETED", _line("DELETED", _record(4, "sysb", 2)))
    history = seen.observation("", ()).history[WEB]
    assert [one and (one.owner, one.epoch) for one in history] == [
        ("sysa", 1),
        ("", 1),
        ("sysb", 2),
        None,
    ]
    assert history[2] is not None
    assert history[2].node == "n1"


def test_a_write_of_ours_is_no_action(seen: ClusterWorld) -> None:
    pod = _object("Pod", "sysa", 1)
    seen.wrote(pod)
    service = _object("Service", "web", 2, metadata={"labels": {names.VIPA: "web"}})
    seen.hear("Service", "ADDED", _line("ADDED", service))  # the stream was faster
    assert list(seen.actions()) == ["created Service default/web"]
    seen.wrote(service)
    assert not list(seen.actions())


def test_only_the_operators_part_of_an_object_counts(seen: ClusterWorld) -> None:
    for version, body in enumerate(({"spec": {"a": 1}}, {"spec": {"a": 2}}), 1):
        raw = _object("VIPA", "web", version, **body)
        seen.hear("VIPA", "MODIFIED", _line("MODIFIED", raw))
    assert not list(seen.actions())
    raw = _object("VIPA", "web", 3, spec={"a": 2}, status={"state": "Active"})
    seen.hear("VIPA", "MODIFIED", _line("MODIFIED", raw))
    assert list(seen.actions()) == ["changed VIPA default/web"]
    seen.begin()
    for version, note in enumerate((None, "[]", "[]"), 4):
        notes = {names.VIPAS: note} if note else {}
        pod = _object("Pod", "sysa", version, metadata={"annotations": notes})
        seen.hear("Pod", "MODIFIED", _line("MODIFIED", pod))
    assert list(seen.actions()) == ["changed Pod default/sysa"]


def test_a_deletion_of_ours_is_final_before_the_stream_says_so(seen: ClusterWorld) -> None:
    pod = _object("Pod", "sysa", 1)
    seen.wrote(pod)
    seen.removed("Pod", Key("default", "sysa"))
    pod["metadata"]["resourceVersion"] = "2"
    seen.hear("Pod", "MODIFIED", _line("MODIFIED", pod))
    seen.hear("Pod", "DELETED", _line("DELETED", pod))
    assert not seen.world.pods


def test_an_event_counts_once_and_for_its_vipa(seen: ClusterWorld) -> None:
    event = _object("Event", "web.7-2.abc", 1, reason="TakenOver", message="EZZ8301I VIPA")
    event |= {"involvedObject": {"kind": "VIPA"}, "reportingComponent": names.FIELD_MANAGER}
    seen.hear("Event", "ADDED", _line("ADDED", event))
    event["metadata"]["resourceVersion"] = "2"
    seen.hear("Event", "MODIFIED", _line("MODIFIED", event))
    told = seen.observation("", ()).events[WEB]
    assert [(one.event, one.message_id) for one in told] == [("TakenOver", "EZZ8301I")]


def test_the_operators_own_account_is_found_beside_the_kubeconfig(tmp_path: Path) -> None:
    place = Place(kubeconfig=str(tmp_path / "kubeconfig"), context="c")
    assert place.operator_path == place.path
    assert place.operator_arguments("/copy") == ["--kubeconfig", "/copy", "--context", "c"]
    beside = tmp_path / "operator.kubeconfig"
    beside.touch()
    assert place.operator_path == str(beside)
    assert place.operator_arguments("/copy") == ["--kubeconfig", "/copy"]
    chosen = Place(kubeconfig=str(tmp_path / "kubeconfig"), operator_kubeconfig="/else")
    assert chosen.operator_path == "/else"


def test_a_file_that_this_engine_cannot_run_is_skipped_with_the_reason() -> None:
    given = "rehearsal: a\ngiven:\n  stacks: {sysa: {node: n1}}\n  objects:\n"
    vipa = "  - {kind: VIPA, metadata: {name: web}, spec: {address: 198.51.100.10}}\n"
    steps = 'steps:\n- do: [{vipa: "move web --to sysa --once"}, {kill: sysa}]\n'
    engine = Cluster.__new__(Cluster)
    assert "waits for the operator" in engine.skips(loader.loads(given + vipa + steps))
    strange = "  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n"
    found = loader.loads(given + strange + "steps:\n- do: {kill: sysa}\n")
    assert engine.skips(found) == "this engine knows no Deployment"
    probe = "{probe: {http: {port: 443, scheme: HTTPS}}}"
    secret = f"  - {{kind: Sysplex, metadata: {{name: plex1}}, spec: {{monitor: {probe}}}}}\n"
    found = loader.loads(given + secret + "steps:\n- do: {kill: sysa}\n")
    assert "cannot speak TLS" in engine.skips(found)


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    found = Background()
    yield found
    found.close()


@pytest.fixture(scope="module")
def forks(background: Background) -> Iterator[Forks]:
    found = Forks()
    background.run(found.open())
    yield found
    background.run(found.close())


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--version"], 0, "vipa "),
        (["move", "web"], 2, "--to"),
        (["status", "--kubeconfig", "/nowhere"], 1, "/nowhere"),
    ],
)
def test_a_fork_is_the_command_vipa(
    background: Background, forks: Forks, arguments: list[str], code: int, text: str
) -> None:
    found = background.run(command(forks, arguments, 30))
    assert found[0] == code
    assert text in found[1]


def test_an_operator_that_does_not_start_says_why(background: Background, forks: Forks) -> None:
    async def work() -> str:
        operator = Operator(forks, ["--kubeconfig", "/nowhere"], ("198.51.100.0/24",))
        with pytest.raises(ProcessError) as caught:
            await operator.start()
        assert not operator.running
        await operator.close()
        return str(caught.value)

    assert "/nowhere" in background.run(work())


def test_nothing_outlives_whoever_asked_for_it(background: Background, tmp_path: Path) -> None:
    """Also an engine that was killed: its pipe ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            f"{{apiVersion: v1, kind: Config, current-context: a,"
            f" clusters: [{{name: a, cluster: {{server: '{server}'}}}}],"
            f" users: [{{name: a, user: {{token: t}}}}],"
            f" contexts: [{{name: a, context: {{cluster: a, user: a}}}}]}}"
        )

        async def work() -> int:
            forks = Forks()
            await forks.open()
            try:
                process = forks.start(["status", "--kubeconfig", str(kubeconfig)], os.devnull)
                return await process.pid
            finally:
                await forks.close()

        pid = background.run(work())
        # Killed, and reaped by whoever adopted it.
        eventually(lambda: not Path(f"/proc/{pid}").exists(), within_s=GONE_WITHIN_S)
