"""The cluster under test: operator by its chart, three stacks, a stock Service, clients outside."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.live import watching
from tests.chaos.live.api import Api, Raw
from tests.chaos.live.clients import Clients
from tests.chaos.live.environment import ROOT, docker, program
from tests.chaos.live.looking import Lookout
from tests.chaos.live.recording import History
from tests.chaos.live.watching import Watcher

from vipa import __version__
from vipa.rehearsal.kindnodes import Nodes

HERE = Path(__file__).resolve().parent
IMAGE = f"sysplex-vipa:{__version__}"
NAMESPACE, SYSTEM = "chaos", "sysplex-system"
CHAINS = {"web": ["sysa", "sysb", "sysc"], "db": ["sysb", "sysc", "sysa"]}
TARGETS = {"web": "198.51.100.10", "db": "198.51.100.20", "stock": "198.51.100.100"}
ADDRESSES = "198.51.100.0/24"
HOMES = {"sysa": "sysplex-worker", "sysb": "sysplex-worker2", "sysc": "sysplex-worker3"}
CONTROL_PLANE = "sysplex-control-plane"
SETTLES_WITHIN_S = 180.0
QUIET_S, SERVED_S, LEADS_S, WRITTEN_S = 1.0, 3.0, 3.0, 1.5


class World:
    """Everything that a fault is done to, and by which one sees that it is over."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.kubeconfig = Path(os.environ["KUBECONFIG"])
        self.nodes = Nodes()
        self._kubectl, self._helm = program("kubectl"), program("helm")
        self._api = Api(self.kubeconfig)
        found = watching.watchers(self._api, history, NAMESPACE, SYSTEM)
        self._watchers: dict[str, Watcher] = {one.kind: one for one in found}
        lookout = Lookout(self._api, history, f"/api/v1/namespaces/{NAMESPACE}/pods?limit=1")
        self._recorders: tuple[Watcher | Lookout, ...] = (*found, lookout)
        self._clients = Clients(
            history,
            image=docker("inspect", "--format={{.Config.Image}}", CONTROL_PLANE),
            network="sysplex-kind",
            program=ROOT / "build" / "kind" / "traffic",
        )

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [self._kubectl, *arguments], capture_output=True, text=True, check=False, timeout=240
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments[:4])}: {done.stderr.strip()}")
        return done.stdout if done.returncode == 0 else done.stderr

    def put_up(self) -> None:
        """Operator, stacks, targets; afterwards everything is watched and asked."""
        values = str(HERE / "values.yaml")
        chart = str(ROOT / "charts" / "sysplex-vipa")
        command = [self._helm, "upgrade", "--install", "sysplex-vipa", chart, f"-n={SYSTEM}"]
        command += ["--create-namespace", "--force-conflicts", "--wait", "--timeout=120s"]
        command += ["-f", values]
        # A new image under its old tag is a new operator all the same.
        command += ["--set", f"podAnnotations.image={docker('inspect', '--format={{.Id}}', IMAGE)}"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        # After rehearsals, which put it to sleep.
        self.kubectl("-n", SYSTEM, "scale", "deployment/sysplex-vipa", "--replicas=2")
        self.kubectl("apply", "-f", str(ROOT / "examples" / "kind" / "stacks.yaml"))
        self.kubectl("apply", "-f", str(HERE / "canary.yaml"))
        status = f'{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{TARGETS["stock"]}"}}]}}}}}}'
        patch = [
            "patch",
            "service",
            "stock",
            "--subresource=status",
            "--type=merge",
            f"-p={status}",
        ]
        self.kubectl("-n", NAMESPACE, *patch)
        for one in self._recorders:
            one.start()
        self.until(lambda: not self.unsettled(), "everything is at home")
        # Only now, so that the history does not begin with the failures of a cluster in the making.
        via = self.nodes.address(CONTROL_PLANE)
        self._clients.start(TARGETS, network=ADDRESSES, via=via)
        self.until(lambda: self._clients.count > 20, "clients get answers")
        self.history.say("asking")

    def take_down(self) -> None:
        """Delete what was put up, say what is left, end the recording; once."""
        if self.history.closed:
            return
        try:
            self.history.say("asked")
            # Clients write down a run of answers when it has ended, a second later at most: without
            # the last one it would look as if nobody had asked.
            threading.Event().wait(WRITTEN_S)
            # A pod on its way out may outlive this; what is on it is looked at before it goes.
            self._clients.stop()
            self.kubectl("-n", NAMESPACE, "delete", "vipas,sysplexes", "--all", "--wait=true")
            # That it is taken away is promised, not how fast; a timeout the checker says better.
            with contextlib.suppress(TimeoutError):
                self.until(lambda: not self.left(), "nothing is left", within_s=90)
            self.history.say("left", things=self.left())
        finally:
            for one in self._recorders:
                one.end()
        self.kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=120s")
        self.history.say("end")
        self.history.close()

    def left(self) -> list[str]:
        """What the operator made and nobody needs any more."""
        kinds = "services,endpointslices"
        labelled = self.kubectl("-n", NAMESPACE, "get", kinds, "-o=name")
        ours = [name for name in labelled.split() if "/stock" not in name]
        noted = "jsonpath={.items[*].metadata.annotations.sysplex\\.dev/vipas}"
        return ours + self.kubectl("-n", NAMESPACE, "get", "pods", f"-o={noted}").split()

    def pods(self, stack: str) -> list[Raw]:
        """Pods of a stack that are not on their way out."""
        return [
            one
            for one in self._watchers["pod"].shown()
            if one["stack"] == stack and not one["terminating"]
        ]

    def record(self, vipa: str) -> Raw | None:
        found = [one for one in self._watchers["record"].shown() if one["vipa"] == vipa]
        return found[0] if found else None

    def leader(self) -> str:
        """The pod that writes."""
        held = [one["holder"] for one in self._watchers["lease"].shown() if one["holder"]]
        return str(held[0]).rpartition("_")[0] if held else ""

    def operators(self) -> list[tuple[str, str, str]]:
        """Pod, its uid and its node, of each replica that runs."""
        path = "{range .items[*]}{.metadata.name} {.metadata.uid} {.spec.nodeName}{'\\n'}{end}"
        label = "-l=app.kubernetes.io/component=operator"
        shown = self.kubectl("-n", SYSTEM, "get", "pods", label, f"-o=jsonpath={path}")
        return [tuple(line.split()) for line in shown.splitlines()]  # type: ignore[misc]

    def unsettled(self) -> str:
        """What is not yet as it was in the beginning; empty: nothing."""
        nodes = self._watchers["node"].shown()
        for one in nodes:
            if not one["ready"]:
                return f"node {one['node']} is not Ready"
        for stack in HOMES:
            all_ = [one for one in self._watchers["pod"].shown() if one["stack"] == stack]
            if len(all_) != 1 or not all_[0]["ready"] or all_[0]["terminating"]:
                return f"{stack} has {len(all_)} pods, or one that is not ready"
        for vipa, chain in CHAINS.items():
            record = self.record(vipa)
            if record is None or record["owner"] != chain[0]:
                return f"{vipa} is at {record['owner'] if record else 'nobody'}"
        if not self.operators_ready():
            return "an operator is not ready"
        if not self.leads():
            return "no operator has led for a moment"
        if time.time() - self._clients.failed_at < QUIET_S:
            return "a client was not answered a moment ago"
        return ""

    def served(self) -> bool:
        """No client has failed for longer than one in three connects can go well by luck."""
        return time.time() - self._clients.failed_at > SERVED_S

    def leads(self) -> bool:
        """Whoever holds the Lease runs and renews it, and has held it for longer than a takeover
        takes. That nothing is heard of it does not say so: the API server may have been away."""
        names = {name for name, _, _ in self.operators()}
        quiet_s = self._watchers["lease"].quiet_s()
        return self.leader() in names and quiet_s > LEADS_S and self._renewed_ago_s() < LEADS_S

    def _renewed_ago_s(self) -> float:
        path = "jsonpath={.spec.renewTime}"
        shown = self.kubectl("-n", SYSTEM, "get", "lease/sysplex-vipa", f"-o={path}", check=False)
        try:
            return (datetime.now(UTC) - datetime.fromisoformat(shown)).total_seconds()
        except ValueError:  # no such Lease, or nobody answers
            return math.inf

    def operators_ready(self) -> bool:
        path = "jsonpath={.status.readyReplicas}/{.status.updatedReplicas}/{.status.replicas}"
        shown = self.kubectl(
            "-n", SYSTEM, "get", "deployment/sysplex-vipa", f"-o={path}", check=False
        )
        return shown.strip() == "2/2/2"

    def until(
        self, true: Callable[[], bool], what: str, within_s: float = SETTLES_WITHIN_S
    ) -> None:
        """Return when it is true. Raises TimeoutError, saying what was awaited."""
        deadline = time.monotonic() + within_s
        pause = threading.Event()
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {within_s:.0f} s: {what} ({self.unsettled()})")
            pause.wait(0.1)
