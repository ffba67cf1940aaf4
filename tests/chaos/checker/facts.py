"""Who was eligible when: pods and nodes as shown, less what a fault has taken in truth."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Sequence

from tests.chaos.checker.history import History, Line, at

CERTAIN_S = 3.0  # as long as facts have to stand before they bind anybody


class Facts:
    """Certainties only: where a fault was near, nobody is held to what could be seen."""

    def __init__(self, history: History) -> None:
        self._faults = history.faults
        self._pods: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        for line in history.kinds["pod"]:
            self._pods[line["stack"]][line["uid"]].append(line)
        self._nodes: dict[str, list[Line]] = defaultdict(list)
        for line in history.kinds["node"]:
            self._nodes[line["node"]].append(line)
        moments = {line["t"] for kind in ("pod", "node") for line in history.kinds[kind]}
        for one in history.faults:
            moments |= {t for t in (one.t, one.struck, one.mended, one.settled) if t is not None}
        self.changes = sorted(moments)

    def well(self, stack: str, moment: float) -> bool:
        """One of its pods looked well to the API server."""
        return any(self._pod_well(lines, moment) for lines in self._pods[stack].values())

    def _pod_well(self, lines: Sequence[Line], moment: float) -> bool:
        pod = at(lines, moment)
        if pod is None or pod.get("gone") or pod["terminating"] or not pod["ready"]:
            return False
        node = at(self._nodes[pod["node"]], moment)
        return node is not None and node["ready"] and not node["out"] and not node.get("gone")

    def eligible(self, stack: str, since: float, until: float) -> bool:
        """Certainly, all of this time: no fault that takes it was in force."""
        if any(stack in f.stacks and f.t <= until and since <= f.over for f in self._faults):
            return False
        after = bisect.bisect_right(self.changes, since)
        inside = self.changes[after : bisect.bisect_right(self.changes, until)]
        return all(self.well(stack, moment) for moment in (since, *inside))

    def lost(self, stack: str, moment: float) -> bool:
        """Certainly: a fault has it, or no pod of it looks well."""
        return not self.well(stack, moment) or any(
            stack in f.stacks
            and f.struck is not None
            and f.struck <= moment < min(f.mended or f.over, f.over)
            for f in self._faults
        )
