"""Measure each class of fault often enough for docs/failure-model.md: `make chaos-bounds`.

It takes hours, so everything that was measured is kept, and a run goes on where the last one was
ended, also on another machine, by rounds of all classes. Faults that stock Kubernetes answers
slowly are left alone three times until it has, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from tests.chaos import checker
from tests.chaos.live import campaign, faults, world

MEASURED = world.ROOT / "tests" / "chaos" / "measured.json"
FOLDER = campaign.RESULTS / "bounds"
TIMES, PATIENT_TIMES = 20, 3
BATCH = 20  # faults in one history, so that little is lost with one that is broken off
Row = dict[str, Any]


def wanted(name: str, done: Counter[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """What is still to be measured of a class: patiently first."""
    patient = PATIENT_TIMES - done[name, True] if name in checker.SLOW_STOCK else 0
    plain = TIMES - done[name, False] - (done[name, True] if name in checker.SLOW_STOCK else 0)
    patient = max(patient, 0)
    return [(name, True)] * patient + [(name, False)] * max(plain - patient, 0)


def measured() -> list[Row]:
    """All costs, each with the name of its history; those of other machines as they were kept."""
    here = {path.stem: path for path in sorted(FOLDER.glob("*.jsonl"))}
    kept: list[Row] = json.loads(MEASURED.read_text()) if MEASURED.exists() else []
    found = [row for row in kept if row["history"] not in here]
    for name, path in here.items():
        costs = checker.costs(checker.read(path))
        found += [{"history": name, **cost._asdict()} for cost in costs]
    return sorted(found, key=lambda row: str(row["history"]))


def counted(found: Sequence[Row]) -> Counter[tuple[str, bool]]:
    return Counter((row["fault"], row["patient"]) for row in found if row["target"] == "web")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help="only these; all without any")
    parser.add_argument("--collect", action="store_true", help="only write what was measured")
    options = parser.parse_args(arguments)
    known = list(faults.every())
    if strange := [name for name in options.names if name not in known]:
        parser.error(f"no such fault: {strange[0]}; there are {', '.join(known)}")
    done = counted(measured())
    rounds = zip_longest(*(wanted(name, done) for name in options.names or known))
    todo = [one for each in rounds for one in each if one is not None]
    if options.collect:
        collect()
        return 0
    code = 0
    while todo:
        batch, todo = todo[:BATCH], todo[BATCH:]
        campaign.say(f"{len(batch) + len(todo)} faults left")
        path = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
        code |= campaign.run(path, [name for name, _ in batch], patient=[p for _, p in batch])
        collect()
    return code


def collect() -> None:
    """Write the figures that docs/failure-model.md is made of."""
    MEASURED.write_text("[\n" + ",\n".join(json.dumps(row) for row in measured()) + "\n]\n")
    campaign.say(f"written: {MEASURED}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
