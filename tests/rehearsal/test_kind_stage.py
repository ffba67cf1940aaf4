"""The stage of the kind engine against a client that answers from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vipa.rehearsal import loader
from vipa.rehearsal.kind import Kind
from vipa.rehearsal.kindnodes import NodeError, Nodes
from vipa.rehearsal.kindstage import ZONE, KindStage
from vipa.rehearsal.steps import Rehearsal

FILES = Path(__file__).resolve().parents[1] / "rehearsals"


class Api:
    """Objects by path; what is created is Ready at once unless `ready` says otherwise."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.ready = "True"

    def put(self, path: str, **parts: Any) -> None:
        self.objects[path] = {"metadata": {"uid": "u", "labels": {}}, **parts}

    async def request(self, method: str, path: str, body: Any = None, **_: Any) -> dict[str, Any]:
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            self.objects[path] = {**body, "metadata": {**body["metadata"], "uid": "u"}}
        if method == "PATCH":
            self.objects[path]["metadata"]["labels"] |= body["metadata"]["labels"]
        found = self.objects[path]
        return {**found, "status": {"conditions": [{"type": "Ready", "status": self.ready}]}}


class Docker:
    def __init__(self, api: Api) -> None:
        self.asked: list[str] = []
        self._api = api

    def __call__(self, arguments: Sequence[str]) -> str:
        line = " ".join(arguments)
        self.asked.append(line)
        if "SIGUSR1" in line or "add table" in line:
            self._api.ready = "False"
        if "SIGUSR2" in line or "delete table" in line:
            self._api.ready = "True"
        return "c1 RUNNING" if line.endswith("task ls") else "c1"


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def stage(api: Api) -> KindStage:
    made = KindStage(api)  # type: ignore[arg-type]  # all of a client that it uses
    made.nodes = Nodes(Docker(api))
    return made


def test_a_node_gets_the_zone_of_the_file_and_its_own_back(api: Api, stage: KindStage) -> None:
    api.put("/api/v1/nodes/w")
    labels = api.objects["/api/v1/nodes/w"]["metadata"]["labels"]
    labels[ZONE] = "zone-a"

    asyncio.run(stage.node("w", "z9"))
    assert labels[ZONE] == "z9"

    asyncio.run(stage.strike_nodes())
    assert labels[ZONE] == "zone-a"


def test_a_pod_is_there_when_its_kubelet_says_so_and_fails_by_its_own_probe(
    api: Api, stage: KindStage
) -> None:
    async def story() -> list[str]:
        await stage.pod("ns", "sysa", "w", {})
        await stage.pod_status("ns", "sysa", ready=False)
        seen = [api.ready]
        await stage.pod_status("ns", "sysa", ready=True)
        return [*seen, api.ready]

    assert asyncio.run(story()) == ["False", "True"]
    (pod,) = api.objects.values()
    assert pod["spec"]["nodeName"] == "w"


def test_a_node_that_is_down_is_whole_again_at_the_end(api: Api, stage: KindStage) -> None:
    api.put("/api/v1/nodes/w")

    asyncio.run(stage.node_ready("w", "Unknown"))
    assert api.ready == "False"

    asyncio.run(stage.strike_nodes())
    assert api.ready == "True"


def test_what_does_not_come_about_is_an_error(
    api: Api, stage: KindStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vipa.rehearsal.kindstage.POD_WITHIN_S", 0.0)
    api.ready = "False"

    with pytest.raises(NodeError, match="sysa was not Ready"):
        asyncio.run(stage.pod("ns", "sysa", "w", {}))


def read(name: str) -> Rehearsal:
    return loader.load(str(FILES / f"{name}.yaml"))


@pytest.mark.parametrize(
    ("name", "workers", "why"),
    [
        ("tc01-simple-takeover", 3, ""),
        ("tc01-simple-takeover", 2, "3 nodes, this cluster 2 workers"),
        ("monitor-static", 3, "probes"),
        ("node-deleted", 3, "would not come back"),
    ],
)
def test_files_that_need_something_else_are_left_out_with_the_reason(
    name: str, workers: int, why: str
) -> None:
    engine = Kind.__new__(Kind)
    engine._workers = [f"w{number}" for number in range(workers)]

    found = engine.skips(read(name))

    assert (why in found) if why else not found
