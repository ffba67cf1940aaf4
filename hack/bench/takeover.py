"""`make bench`: the time of a takeover, beside the floor and beside stock Kubernetes.

(a) from the change seen by the handler until a separate watcher sees the new owner in the record;
(b) from the client's patch until that. docs/benchmarks.md says what is measured and what is not.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hack.bench import figures, processes, report, stages
from hack.bench.crew import crew
from hack.bench.driving import Driver, Sample
from hack.bench.processes import FOLDER, FailedError, Plane
from hack.bench.stamps import Story
from hack.bench.world import World

from vipa.k8s import access
from vipa.k8s.client import ApiError, Client

WARM_UP_VISITS = 5
SMALLEST = 4


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hack/bench/takeover.py", description=__doc__)
    parser.add_argument("--sizes", default="10,1000", help="numbers of VIPAs (default: 10,1000)")
    parser.add_argument("--samples", type=int, default=100, help="of each kind, in a repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--stages", action="store_true", help="show where the time goes")
    parser.add_argument("--keep", action="store_true", help="leave the control plane running")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/benchmarks.md alone")
    options = parser.parse_args(arguments)
    options.command = " ".join([parser.prog, *arguments]) if arguments else "make bench"
    options.sizes = sorted(int(size) for size in options.sizes.split(","))
    if options.sizes[0] < SMALLEST:
        parser.error(
            f"--sizes: at least {SMALLEST}, so that there is a pod for each kind of sample"
        )
    return options


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace, plane: Plane) -> None:
        self._options = options
        self._plane = plane
        self._stamps = {kind: FOLDER / f"stamps-{kind}.txt" for kind in ("ours", "floor")}
        self.samples: list[Sample] = []

    async def run(self) -> None:
        admin = Client(await access.find(self._plane.admin))
        account = Client(await access.find(self._plane.operator))
        for path in self._stamps.values():
            path.unlink(missing_ok=True)
        try:
            world = World(admin)
            await world.found()
            for size in self._options.sizes:
                started = time.perf_counter()
                await world.grow(account, size)
                async with crew(self._plane, self._stamps) as everybody:
                    await everybody.settled(size)
                report.say(f"{size:,} VIPAs stand after {time.perf_counter() - started:.0f} s")
                for repetition in range(1, self._options.repetitions + 1):
                    await self._repeat(admin, size, repetition)
        finally:
            await admin.close()
            await account.close()

    async def _repeat(self, admin: Client, size: int, repetition: int) -> None:
        """With processes of its own: what one has, its memory and its hashes, is part of chance."""
        started = time.perf_counter()
        flags = ("--stages",) if self._options.stages else ()
        async with crew(self._plane, self._stamps, *flags) as everybody:
            await everybody.settled(size)
            driver = Driver(admin, everybody, size, repetition)
            await driver.visits(0, WARM_UP_VISITS)
            found = await driver.visits(WARM_UP_VISITS, max(1, self._options.samples // 2))
        self.samples += found
        took = time.perf_counter() - started
        total = self._options.repetitions
        report.repetition(f"{size:,} VIPAs, {repetition} of {total}", found, self.stories(), took)

    def stories(self) -> dict[str, Story]:
        return {kind: Story(path) for kind, path in self._stamps.items()}


async def measure(options: argparse.Namespace) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)  # type: ignore[union-attr]
    FOLDER.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    async with processes.control_plane(options.keep, processes.NO_HEARTBEATS) as plane:
        bench = Bench(options, plane)
        await bench.run()
        version = await report.kubernetes(plane.admin)
        if options.keep:
            report.say(f"left running: {plane.admin}; end it: hack/controlplane down {plane.name}")
    stories = bench.stories()
    found = figures.evaluate(bench.samples, stories)
    run = report.Run(
        found=found,
        wishes=figures.wishes(found),
        machine=report.machine(version),
        seconds=time.perf_counter() - started,
        command=options.command,
    )
    report.write_json(run, bench.samples, FOLDER)
    report.show(run)
    if options.stages:
        stages.show(bench.samples, stories)
    if not options.no_docs:
        report.write_docs(run)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    try:
        asyncio.run(measure(options))
    except (FailedError, ApiError, OSError) as error:
        report.say(f"bench: {error}")
        return 1
    except ExceptionGroup as several:
        report.say(f"bench: {several.exceptions[0]}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        report.say("bench: broken off, everything that it started has ended")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
