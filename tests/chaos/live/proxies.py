"""Whether every kube-proxy hears of changes.

Where the API server was away kube-proxy asks anew only after a pause that doubles up to half a
minute, and until then a node sends every address where it led before. The next fault would measure
that, and not itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.chaos.live.world import CONTROL_PLANE, HOMES, NAMESPACE, World

CANARY = "endpointslice/stock-canary"
METRICS = "http://127.0.0.1:10249/metrics"
CHANGES = "kubeproxy_sync_proxy_rules_endpoint_changes_total"
WITHIN_S = 150.0


def follow(world: World) -> None:
    """Return when all have heard of a change that is made now. Raises TimeoutError."""
    before = _heard(world, (CONTROL_PLANE, *HOMES.values()))
    changed = f"changed={sum(before.values())}"
    world.kubectl("-n", NAMESPACE, "annotate", "--overwrite", CANARY, changed)
    deaf = set(before)

    def all_heard() -> bool:
        deaf.difference_update(n for n, count in _heard(world, deaf).items() if count != before[n])
        return not deaf

    world.until(all_heard, "every kube-proxy hears of changes", WITHIN_S)


def _heard(world: World, nodes: Iterable[str]) -> dict[str, int]:
    """How many changes the kube-proxy of each node has counted."""
    found = {}
    for node in nodes:
        lines = world.nodes.inside(node, "curl", "--silent", "--fail", METRICS).splitlines()
        counts = [line.split()[-1] for line in lines if line.startswith(CHANGES)]
        found[node] = int(float(counts[0]))
    return found
