"""The kind engine: the cluster engine with real pods, kubelets and nodes under it.

The operator runs beside the cluster, as in the cluster engine, where it can be ended between two
verbs; so files with a monitor are left out: its probes would not reach the pods from there. The
chaos suite has the operator in the cluster.
"""

from __future__ import annotations

import contextlib

from vipa.k8s.client import Client
from vipa.rehearsal import steps as do
from vipa.rehearsal.cluster import Cluster, Place
from vipa.rehearsal.clusterrun import Ways
from vipa.rehearsal.kindnodes import NodeError, Nodes
from vipa.rehearsal.kindstage import KindLens, KindStage
from vipa.rehearsal.lens import Lens
from vipa.rehearsal.steps import KIND, Given, Rehearsal

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
SIMULATED = ("Pod", "Node")


class Kind(Cluster):
    """One in its cluster. Raises UnusableError as `Cluster` does."""

    name = KIND

    def __init__(self, place: Place) -> None:
        self._names: dict[str, str] = {}
        super().__init__(place)
        self._workers = self._await(_workers(self.run.client))
        for worker in self._workers:  # a run that was broken off may have left one cut
            with contextlib.suppress(NodeError):
                Nodes().heal(worker)

    def skips(self, rehearsal: Rehearsal) -> str:
        """Beyond what the cluster engine cannot do: what has to be real here."""
        given = rehearsal.given
        nodes = _nodes(given)
        if len(nodes) > len(self._workers):
            return f"it has {len(nodes)} nodes, this cluster {len(self._workers)} workers"
        verbs = [verb for step in rehearsal.steps for verb in step.do]
        applied = [verb.object for verb in verbs if isinstance(verb, do.Apply)]
        for raw in (*given.objects, *applied):
            if raw["kind"] in SIMULATED:
                return f"a {raw['kind']} is real here, and not what a file says"
            if (raw.get("spec") or {}).get("monitor"):
                return "probes of this engine's operator do not reach pods"
        if any(isinstance(verb, do.Delete) and verb.kind == "Node" for verb in verbs):
            return "a node of kind would not come back"
        return super().skips(rehearsal)

    def setup(self, given: Given) -> None:
        self._names.clear()
        self._names.update(zip(sorted(_nodes(given)), self._workers, strict=False))
        super().setup(given)

    def ways(self, ways: Ways) -> Ways:
        return Ways(ways.forks, ways.standin, ways.relay, lens=self._lens, stage=KindStage)

    def _lens(self, prefix: str) -> Lens:
        return KindLens(prefix, dict(self._names))


def _nodes(given: Given) -> set[str]:
    return {*given.nodes, *(stack.node for stack in given.stacks)}


async def _workers(client: Client) -> list[str]:
    body = await client.request("GET", "/api/v1/nodes")
    found = [one["metadata"] for one in body["items"]]
    return sorted(meta["name"] for meta in found if CONTROL_PLANE not in (meta.get("labels") or {}))
