"""Faults one after the other, into one history: `python -m tests.chaos.live.campaign`."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import checker
from tests.chaos.live import acts, faults, world
from tests.chaos.live.watching import History

from vipa.rehearsal.kindnodes import NodeError

RESULTS = world.ROOT / "build" / "chaos"
# What a class takes with its recovery on two cores, for the estimate alone.
ABOUT_S = {"node-kill": 60, "leader-node-kill": 60, "control-plane-kill": 40, "drain": 20}


def run(
    path: Path, names: Sequence[str], *, seed: int | None = None, patient: Sequence[bool] = ()
) -> int:
    """Carry these out in this order; return 1 if the checker finds anything.

    `patient`: for each whether it is left alone until the stock Service serves again.
    """
    world.enter_environment()
    history = History(path)
    history.say("run", chains=world.CHAINS, seed=seed, faults=list(names))
    scene = world.World(history)
    scene.put_up()
    known = faults.every()
    left = sum(ABOUT_S.get(name, 15) for name in names)
    try:
        with acts.mended_at_the_end(scene):
            for number, name in enumerate(names, 1):
                say(f"[{number}/{len(names)}] {name}; about {left / 60:.0f} min left")
                began = time.monotonic()
                waits = bool(patient) and patient[number - 1]
                faults.carry_out(scene, known[name], patient=waits)
                left -= ABOUT_S.get(name, 15)
                say(f"  over after {time.monotonic() - began:.1f} s")
    except (TimeoutError, RuntimeError, NodeError) as error:
        # What has been recorded until here is judged all the same.
        say(f"broken off: {error}")
    scene.take_down()
    return report(path)


def report(path: Path) -> int:
    """Print what each fault cost, and what the checker found."""
    lines = checker.read(path)
    print(table(lines))
    return checker.main([str(path)])


def table(lines: list[checker.Line]) -> str:
    """One line for each fault."""
    shown = [f"{'FAULT':<20}{'TARGET':<8}{'NO OWNER':>10}{'NO SERVICE':>12}{'FAILED':>8}"]
    for cost in checker.costs(lines):
        ownerless = "-" if cost.ownerless is None else f"{cost.ownerless:.2f} s"
        outage = f"{cost.outage:.3f} s"
        shown.append(f"{cost.fault:<20}{cost.target:<8}{ownerless:>10}{outage:>12}{cost.failed:>8}")
    return "\n".join(shown)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    known = faults.every()
    parser.add_argument("names", nargs="*", choices=[*known, []], metavar="FAULT")
    parser.add_argument("--random", type=int, metavar="N", help="N faults in a random order")
    parser.add_argument("--seed", type=int, default=1, help="of --random")
    parser.add_argument("--smoke", action="store_true", help="a few classes only")
    options = parser.parse_args(arguments)
    names, seed = options.names or list(faults.SMOKE if options.smoke else known), None
    if options.random:
        seed = options.seed
        names = random.Random(seed).choices(sorted(known), k=options.random)
    path = RESULTS / f"history-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    code = run(path, names, seed=seed)
    say(f"history: {path}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
