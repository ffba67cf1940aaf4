"""The cluster engine: a real API server and the real operator process; nodes and pods are objects.

It runs where the kubeconfig points to, and only if that cluster says that it may be broken.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vipa.core import explain
from vipa.core.cluster import Key
from vipa.core.explain import Explanation
from vipa.core.snapshot import Snapshot
from vipa.k8s import access
from vipa.k8s.client import ApiError, Client
from vipa.rehearsal import objects
from vipa.rehearsal import steps as do
from vipa.rehearsal.background import Background
from vipa.rehearsal.clusterrun import ClusterRun, Ways
from vipa.rehearsal.kindnodes import NodeError
from vipa.rehearsal.observation import Observation
from vipa.rehearsal.processes import Forks, Operator, ProcessError
from vipa.rehearsal.relay import Relay
from vipa.rehearsal.standin import VARIABLE, Standin
from vipa.rehearsal.steps import CLUSTER, Given, Rehearsal, Verb
from vipa.rehearsal.watching import LostSightError

MARK = "sysplex-rehearsal"
BESIDE = "operator.kubeconfig"
EVERYWHERE = ("0.0.0.0/0", "::/0")


T = TypeVar("T")
TROUBLE = (ApiError, access.NoAccess, LostSightError, ProcessError, NodeError)


class UnusableError(Exception):
    """This cluster cannot be rehearsed on, or no longer; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which cluster, as kubectl takes it, and as whom the operator runs there.

    Without `operator_kubeconfig` a file of that name beside the kubeconfig is taken, else the
    kubeconfig itself, whose account may well be above RBAC and admission policies.
    """

    kubeconfig: str | None = None
    context: str | None = None
    operator_kubeconfig: str | None = None
    allowed: tuple[str, ...] = EVERYWHERE

    @property
    def path(self) -> str:
        listed = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        return self.kubeconfig or listed or str(Path.home() / ".kube" / "config")

    @property
    def arguments(self) -> list[str]:
        """The cluster, as a command of `vipa` is told it."""
        given = ("--kubeconfig", self.kubeconfig), ("--context", self.context)
        return [word for name, value in given if value for word in (name, value)]

    @property
    def operator_path(self) -> str:
        """The operator's kubeconfig; that of everybody else if it has none of its own."""
        beside = Path(self.path).with_name(BESIDE)
        return self.operator_kubeconfig or (str(beside) if beside.exists() else self.path)

    def operator_arguments(self, path: str) -> list[str]:
        """The cluster as the operator is told it. `path`: a copy of its kubeconfig."""
        shared = self.operator_path == self.path
        return [
            "--kubeconfig",
            path,
            *(("--context", self.context) if self.context and shared else ()),
        ]


class Cluster:
    """The only one in its cluster: what another engine has there is taken for leavings.

    Raises UnusableError where rehearsals do not belong, and when the cluster or the operator is
    no longer there.
    """

    name = CLUSTER

    def __init__(self, place: Place) -> None:
        self._background = Background()
        self._client: Client | None = None
        self._forks = Forks()
        self._standin = Standin()
        self._relay: Relay | None = None
        self._run: ClusterRun | None = None
        try:
            self._run = self._await(self._open(place))
        except BaseException:
            self.close()
            raise

    def ways(self, ways: Ways) -> Ways:
        """What another engine has done in another way."""
        return ways

    @property
    def run(self) -> ClusterRun:
        assert self._run is not None
        return self._run

    def skips(self, rehearsal: Rehearsal) -> str:
        known = set(objects.VERSIONS)
        asked = [*rehearsal.given.objects, *(v.object for v in _applied(rehearsal))]
        if any(_by_tls(raw) for raw in asked):
            return "the engine answers for pods without network, and cannot speak TLS for them"
        for step in rehearsal.steps:
            for verb in step.do:
                if isinstance(verb, do.Move) and verb.once and len(step.do) > 1 and not step.live:
                    return "`move --once` waits for the operator, which a list of verbs ends"
                if isinstance(verb, do.Apply) and verb.kind not in known:
                    return f"this engine knows no {verb.kind}"
        strange = sorted({str(raw["kind"]) for raw in rehearsal.given.objects} - known)
        return f"this engine knows no {strange[0]}" if strange else ""

    def setup(self, given: Given) -> None:
        self._await(self.run.setup(given))

    def do(self, verbs: Sequence[Verb], *, live: bool = False) -> None:
        self._await(self.run.do(verbs, live=live))

    def settle(self) -> None:
        self._await(self.run.settle())

    def restart(self) -> None:
        self._await(self.run.restart())

    def lose_leader(self) -> None:
        self._await(self.run.lose_leader())

    def blind(self, blind: bool) -> None:
        self._await(self.run.blind(blind))

    def wait(self, seconds: float) -> None:
        self._await(self.run.wait(seconds))

    def waits(self) -> bool:
        return self._await(self.run.waits())

    def observe(self) -> Observation:
        return self._await(self._observe())

    def explain(self, vipa: Key) -> Explanation | None:
        seen = self.observe()
        return explain.explain(Snapshot(world=seen.world, now=seen.now), vipa)

    def log(self) -> str:
        """What the operator has logged in this rehearsal."""
        return self.run.operator.log()

    def close(self) -> None:
        self._background.run(self._close())
        self._background.close()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._background.run(work)
        except TROUBLE as error:
            raise UnusableError(str(error)) from error

    async def _open(self, place: Place) -> ClusterRun:
        found = await access.from_kubeconfig(place.kubeconfig, place.context)
        client = self._client = Client(found)
        await _marked(client)
        await self._forks.open(**{VARIABLE: await self._standin.open()})
        relay = self._relay = Relay(found.server)
        path = await relay.open(place.operator_path)
        operator = Operator(self._forks, place.operator_arguments(path), place.allowed)
        ways = self.ways(Ways(self._forks, self._standin, relay))
        run = ClusterRun(client, operator, place.arguments, ways)
        await run.open()
        return run

    async def _close(self) -> None:
        try:
            if self._run is not None:
                await self._run.close()
                await self._run.operator.close()
        finally:
            await self._forks.close()
            await self._standin.close()
            if self._relay is not None:
                await self._relay.close()
            if self._client is not None:
                await self._client.close()

    async def _observe(self) -> Observation:
        return self.run.observation()


def _applied(rehearsal: Rehearsal) -> Iterator[do.Apply]:
    return (v for step in rehearsal.steps for v in step.do if isinstance(v, do.Apply))


def _by_tls(raw: do.Raw) -> bool:
    monitor = (raw.get("spec") or {}).get("monitor") or {}
    return (((monitor.get("probe") or {}).get("http")) or {}).get("scheme") == "HTTPS"


async def _marked(client: Client) -> None:
    """Rehearsals break things on purpose: a wrong context must not suffice to break a real one."""
    try:
        await client.request("GET", f"/api/v1/namespaces/kube-system/configmaps/{MARK}")
    except ApiError as error:
        if error.status != 404:
            raise
        raise UnusableError(
            f"{client.access.server} is not marked as a cluster for rehearsals, which kill nodes, "
            f"pods and the operator: ConfigMap kube-system/{MARK} is missing; "
            "`hack/controlplane up NAME` makes a cluster that has it"
        ) from error
