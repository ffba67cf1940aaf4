"""One small sysplex behind a proxy that does to the operator's requests what a test wants."""

from __future__ import annotations

from typing import Any

from tests.cluster.faultproxy import FaultProxy, answer, reset
from tests.cluster.history import History
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.world import World
from tests.waiting import eventually

# Every write of a takeover; a test holds that there is no other one.
WRITES = {
    "record": "PUT {ns}/endpointslices/web-owner$",
    "annotation-of-giver": "PATCH {ns}/pods/sysa$",
    "annotation-of-taker": "PATCH {ns}/pods/sysb$",
    "status-of-vipa": "PATCH {ns}/vipas/web/status$",
    "status-of-giver": "PATCH {ns}/stacks/sysa/status$",
    "status-of-taker": "PATCH {ns}/stacks/sysb/status$",
    "status-of-sysplex": "PATCH {ns}/sysplexes/plex1/status$",
    "event": "POST {ns}/events$",
}
EVENTS = 3  # on the VIPA, on the pod that takes and on the one that gives

REFUSALS = {
    "409": answer(409, "Conflict"),
    "429": answer(429, "TooManyRequests", **{"Retry-After": "1"}),
    "500": answer(500, "InternalError"),
    "reset": reset,
}


class Theatre:
    """One small sysplex behind the proxy, brought back to rest before each fault."""

    def __init__(self, world: World, proxy: FaultProxy, history: History) -> None:
        self.world = world
        self.proxy = proxy
        self.history = history
        self.operator = OperatorProcess(proxy.kubeconfig)
        self.base = 0

    def pattern(self, write: str) -> str:
        return WRITES[write].format(ns=f".*/namespaces/{self.world.namespace}")

    def start(self) -> None:
        if not self.operator.running:
            self.operator.start()

    def rest(self) -> None:
        """sysa owns, everybody is well, nothing is written any more; also after a test that broke
        off: its failure is neither the next one's nor that of its own second try."""
        self.proxy.clear()
        self.start()
        for vipa in self.world.list("VIPA"):
            if (name := vipa["metadata"]["name"]) != "web":
                self.world.delete("VIPA", name)
        self.world.patch("VIPA", "web", {"spec": {"moveable": "Immediate"}})
        self.world.ready("sysa", True)
        eventually(lambda: self.world.owner()[0] == "sysa")
        self.world.quiet()
        self.base = self.world.owner()[1]
        self.proxy.clear()

    def fail_owner(self) -> None:
        self.world.ready("sysa", False)

    def end(self) -> dict[str, Any]:
        """What is told about the takeover; epochs count from the one before it."""
        world, base = self.world, self.base
        record, status = world.record(), world.status()
        stacks = {one["metadata"]["name"]: one["status"] for one in world.list("Stack")}
        plex = world.get("Sysplex", "plex1") or {}
        endpoint = record["endpoints"][0]
        owner, epoch = world.owner()
        move = status["lastMove"]
        fence = status["fence"].split(".")
        return {
            "record": (owner, epoch - base, endpoint["targetRef"]["name"], endpoint["conditions"]),
            "annotations": {
                pod: [(v, s, e - base) for v, s, e in world.annotated(pod)]
                for pod in ("sysa", "sysb")
            },
            "status": {
                **{key: status.get(key) for key in ("state", "origin", "chain", "stacks")},
                "owner": status["owner"]["stack"],
                "epoch": (status["epoch"] - base, int(fence[1]) - base),
                "move": [move[key] for key in ("from", "to", "reason")],
                "conditions": [(c["type"], c["status"], c["reason"]) for c in status["conditions"]],
            },
            "stacks": {
                name: (one["phase"], one["reason"], one.get("vipas"))
                for name, one in stacks.items()
            },
            "sysplex": {key: plex["status"].get(key) for key in ("stacks", "active", "vipas")},
            "events": sorted(
                line.partition(":")[0] for line in world.events() if f"epoch {base + 1}" in line
            ),
        }
