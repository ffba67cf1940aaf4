"""Measure each class of fault often enough for docs/failure-model.md: `make chaos-bounds`.

It takes hours, so it goes by rounds, each a history of every class that is still wanted; a run goes
on where the last one was ended, also on another machine. Any history that is laid into the folder
counts. Faults that stock Kubernetes answers slowly are left alone three times until it has, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.chaos import checker
from tests.chaos.live import campaign, environment, faults

MEASURED = environment.ROOT / "tests" / "chaos" / "measured.json"
FOLDER = campaign.RESULTS / "bounds"
TIMES, PATIENT_TIMES = 20, 3
Row = dict[str, Any]
Done = Counter[tuple[str, bool]]


def wanted(name: str, done: Done) -> list[bool]:
    """What is still to be measured of a class, and how patiently; the patient runs first."""
    slow = name in checker.SLOW_STOCK
    patient = max(PATIENT_TIMES - done[name, True], 0) if slow else 0
    # Ours does not depend on how long the fault is left alone afterwards.
    missing = max(TIMES - done[name, True] - done[name, False], 0)
    return [True] * patient + [False] * max(missing - patient, 0)


def next_round(names: Iterable[str], done: Done) -> list[tuple[str, bool]]:
    """One of each class that is still wanted."""
    return [(name, todo[0]) for name in names if (todo := wanted(name, done))]


def here() -> Iterator[Row]:
    """The costs of every fault that was over, out of the histories of this machine.

    But for those in which the machine stood still: they would be figures of it, and are measured
    again.
    """
    for path in sorted(FOLDER.glob("*.jsonl")):
        for cost in checker.costs(checker.read(path)):
            if not cost.lost:
                yield {"history": path.stem, **cost._asdict()}


def measured() -> list[Row]:
    """All costs, each with the name of its history; those of other machines as they were kept."""
    kept: list[Row] = json.loads(MEASURED.read_text()) if MEASURED.exists() else []
    fresh = list(here())
    known = {path.stem for path in FOLDER.glob("*.jsonl")}
    found = [row for row in kept if row["history"] not in known] + fresh
    return sorted(found, key=lambda row: str(row["history"]))


def counted(found: Iterable[Row]) -> Done:
    return Counter((row["fault"], row["patient"]) for row in found if row["target"] == "web")


def collect() -> Done:
    """Write the figures that docs/failure-model.md is made of; how much has been measured."""
    rows = measured()
    MEASURED.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    campaign.say(f"written: {MEASURED}")
    return counted(rows)


def worse(one: int, other: int) -> int:
    """Of two exit codes: broken safety, then what was broken off, then other broken promises."""
    order = (checker.KEPT, checker.LATE, campaign.BROKEN_OFF, checker.BROKEN)
    return max(one, other, key=order.index)


def measure(names: Sequence[str]) -> int:
    """Round after round, until nothing is wanted or a round has brought nothing."""
    code = checker.KEPT
    done = collect()
    while todo := next_round(names, done):
        left = sum(len(wanted(name, done)) for name in names)
        campaign.say(f"{left} faults left, {len(todo)} in this round")
        path = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
        patient = [patiently for _, patiently in todo]
        code = worse(code, campaign.run(path, [name for name, _ in todo], patient=patient))
        before, done = done, collect()
        if done == before:
            return worse(code, campaign.BROKEN_OFF)
    return code


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help="only these; all without any")
    parser.add_argument("--collect", action="store_true", help="only write what was measured")
    options = parser.parse_args(arguments)
    known = list(faults.every())
    if strange := [name for name in options.names if name not in known]:
        parser.error(f"no such fault: {strange[0]}; there are {', '.join(known)}")
    if options.collect:
        collect()
        return checker.KEPT
    return measure(options.names or known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
