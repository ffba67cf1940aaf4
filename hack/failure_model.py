"""Write the figures of docs/failure-model.md from what chaos measured; `--check`: are they there?

`tests/chaos/measured.json` is written by `make chaos-bounds` from its histories. The bounds are
those that the checker holds every run to.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chaos.checker import BOUNDS, SLOW_STOCK, STOCK, Bound, Cost  # noqa: E402

PAGE = ROOT / "docs" / "failure-model.md"
MEASURED = ROOT / "tests" / "chaos" / "measured.json"
BEGIN, END = "<!-- figures: made by hack/failure_model.py -->", "<!-- end of figures -->"
VIPAS = ("web", "db")
DEPENDS = {
    "container-kill": "kubelet notices within a second and says Ready=False",
    "pod-delete": "nothing: the address moves before the process is told to end",
    "process-hang": "monitor: interval x failureThreshold + timeout",
    "readiness-failure": "readinessProbe of the pod: it serves meanwhile",
    "kubelet-stop": "nothing within the 50 s after which Kubernetes gives the node up",
    "node-kill": "monitor; without one 50 s",
    "node-pause": "monitor; without one 50 s",
    "node-cut": "monitor; without one 50 s",
    "zone-cut": "monitor, and the Lease if the leader is in the zone",
    "leader-node-kill": "lease.duration, then the monitor",
    "drain": "preStop longer than kube-proxy needs to follow",
    "rolling-update": "maxSurge 1, and preStop longer than kube-proxy needs to follow",
    "planned-move": "nothing: who gave it serves on, and so do open connections",
    "operator-kill": "nothing: who serves needs no operator",
    "leader-freeze": "nothing",
    "api-restart": "nothing: the operators keep what they decided until they see again",
    "control-plane-kill": "nothing: kube-proxy goes on with what it knows",
    "kube-proxy-restart": "kube-proxy, which writes its rules anew; stock has the same",
    "hand-edit": "the edit; what splits traffic is taken back within a second",
    "mass-failure": "the failure: nobody is well",
    "mass-silence": "nothing: too many silent at once are not believed",
}


def main(arguments: Sequence[str]) -> int:
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        print(f"{PAGE}: has no place for the figures: {BEGIN} ... {END}")
        return 2
    rows = json.loads(MEASURED.read_text()) if MEASURED.exists() else []
    if wrong := list(strange(rows)):
        print("\n".join(f"{MEASURED}: {one}" for one in wrong))
        return 2
    fresh = f"{head}{BEGIN}\n{table(rows)}\n{END}{tail}"
    if "--check" in arguments:
        if fresh != text:
            print(f"{PAGE} is not what was measured: run {Path(__file__).name}")
        return 1 if fresh != text else 0
    PAGE.write_text(fresh)
    return 0


def strange(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What cannot have been measured, so that a merge by hand is noticed."""
    targets = Counter((row.get("history"), row.get("fault"), row.get("target")) for row in rows)
    for number, row in enumerate(rows, 1):
        if set(row) != {"history", *Cost._fields}:
            yield f"row {number} has not the fields of a cost: {sorted(row)}"
        elif row["fault"] not in BOUNDS:
            yield f"row {number} is of no class that there is: {row['fault']}"
        elif len({targets[row["history"], row["fault"], one] for one in (*VIPAS, STOCK)}) > 1:
            yield f"row {number}: {row['history']} has not all targets of each {row['fault']}"
    for name in SLOW_STOCK:
        runs = [row for row in rows if row.get("fault") == name]
        if runs and not any(row.get("patient") for row in runs):
            yield f"{name}: nobody waited for the stock Service in any run"


def table(costs: list[dict[str, Any]]) -> str:
    lines = [
        "| fault | no owner at most | measured | no service at most | measured | stock Service "
        "| runs | depends on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(row(name, costs)) + " |" for name in BOUNDS]
    return "\n".join(lines)


def row(name: str, costs: list[dict[str, Any]]) -> Iterator[str]:
    bound = BOUNDS[name]
    ours = list(worst(name, costs))
    stock = [cost for cost in costs if cost["fault"] == name and cost["target"] == STOCK]
    if name in SLOW_STOCK:  # only where somebody waited for it
        stock = [cost for cost in stock if cost["patient"]]
    yield name
    yield within(bound, bound.ownerless) if bound.moves else "stays"
    yield spread([one for one, _ in ours if one is not None])
    yield within(bound, bound.outage)
    yield spread([one for _, one in ours])
    yield f"{spread([cost['outage'] for cost in stock])} ({len(stock)})" if stock else "-"
    yield str(len(ours))
    yield DEPENDS[name]


def worst(name: str, costs: list[dict[str, Any]]) -> Iterator[tuple[float | None, float]]:
    """Of each run the VIPA that it hurt most."""
    ours = [cost for cost in costs if cost["fault"] == name and cost["target"] in VIPAS]
    runs = [ours[at : at + len(VIPAS)] for at in range(0, len(ours), len(VIPAS))]
    for run in runs:
        ownerless = [cost["ownerless"] for cost in run if cost["ownerless"] is not None]
        yield max(ownerless, default=None), max(cost["outage"] for cost in run)


def spread(values: list[float]) -> str:
    return f"{median(values):.2f} s, max {max(values):.2f} s" if values else "-"


def within(bound: Bound, value: float) -> str:
    if bound.lasting:
        return f"its time + {value:g} s"
    return f"{value:g} s" if value else "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
