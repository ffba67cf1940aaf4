"""Faults one after the other, into one history: `python -m tests.chaos.live.campaign`.

Exit codes are the checker's: 0 all promises kept, 1 one of safety broken, 3 only others broken. 2:
broken off, because the cluster could not be put up or something could not be done to it. What was
recorded until then is judged all the same, and a broken promise of safety is one however it ended.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos import checker
from tests.chaos.live import acts, environment, faults, world
from tests.chaos.live.recording import History

RESULTS = environment.ROOT / "build" / "chaos"
BROKEN_OFF = checker.USAGE
# What a class takes with its recovery on two cores, for the estimate alone.
ABOUT_S = {
    "node-kill": 60,
    "leader-node-kill": 60,
    "api-restart": 40,
    "control-plane-kill": 40,
    "drain": 20,
}


def fresh() -> Path:
    """Where the next history goes."""
    return RESULTS / f"history-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"


@contextlib.contextmanager
def stage(path: Path, names: Sequence[str], seed: int | None = None) -> Iterator[world.World]:
    """The world, put up for these faults; mended and taken down however it ends."""
    history = History(path)
    history.say("run", chains=world.CHAINS, seed=seed, faults=list(names))
    try:
        environment.enter()
        scene = world.World(history)
        try:
            scene.put_up()
            with acts.mended_at_the_end(scene):
                yield scene
        finally:
            scene.take_down()
    finally:
        history.close()


def run(
    path: Path, names: Sequence[str], *, seed: int | None = None, patient: Sequence[bool] = ()
) -> int:
    """Carry these out in this order; an exit code.

    `patient`: for each whether it is left alone until the stock Service serves again.
    """
    broken_off = False
    try:
        with stage(path, names, seed) as scene:
            _carry_out(scene, names, patient)
    except Exception as error:  # noqa: BLE001 - whatever it was, what has been recorded is judged
        say(f"broken off: {type(error).__name__}: {error}")
        broken_off = True
    code = report(path)
    return BROKEN_OFF if broken_off and code != checker.BROKEN else code


def _carry_out(scene: world.World, names: Sequence[str], patient: Sequence[bool]) -> None:
    known = faults.every()
    left = sum(ABOUT_S.get(name, 15) for name in names)
    for number, name in enumerate(names, 1):
        say(f"[{number}/{len(names)}] {name}; about {left / 60:.0f} min left")
        began = time.monotonic()
        waits = bool(patient) and patient[number - 1]
        faults.carry_out(scene, known[name], patient=waits)
        left -= ABOUT_S.get(name, 15)
        say(f"  over after {time.monotonic() - began:.1f} s")


def report(path: Path) -> int:
    """Print what each fault cost, and what the checker found; its exit code."""
    with contextlib.suppress(OSError, ValueError, LookupError):  # the checker says it better
        print(table(checker.read(path)))
    return checker.main([str(path)])


def table(lines: list[checker.Line]) -> str:
    """One line for each fault and target."""
    shown = [
        f"{'FAULT':<20}{'TARGET':<8}{'NO OWNER':>10}{'NO SERVICE':>12}{'FAILED':>8}{'SHARED':>8}"
    ]
    for cost in checker.costs(lines):
        ownerless = "-" if cost.ownerless is None else f"{cost.ownerless:.2f} s"
        figures = f"{ownerless:>10}{f'{cost.outage:.3f} s':>12}{cost.failed:>8}{cost.shared:>8}"
        shown.append(f"{cost.fault:<20}{cost.target:<8}{figures}")
    return "\n".join(shown)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    path = fresh()
    code = run(path, names, seed=seed)
    say(f"history: {path}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
