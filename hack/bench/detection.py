"""`make bench-detection`: how long a silent node and a lost leader take.

A node falls silent: its heartbeats stop and its pod answers no probe, but still says Ready. From
that moment until the record names the backup, and until the stock EndpointSlice of the same pod
does not call it ready any more. And from the end of the leading replica, killed or told to end,
until the next record that the other one writes. docs/benchmarks.md says what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import statistics
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hack.bench import processes, report
from hack.bench.processes import FOLDER, FailedError, Plane
from hack.bench.replicas import Replicas
from hack.bench.silence import LIVE, Silence, put_up, victim
from rich.table import Table

from vipa.k8s.client import ApiError
from vipa.rehearsal.standin import Standin

# What a kube-controller-manager does when nobody tells it otherwise; ours is told to be quicker.
DEFAULTS = (
    "--kcm-flag=--node-monitor-period=5s",
    "--kcm-flag=--node-monitor-grace-period=50s",
)
BEGIN, END = "<!-- detection: written by make bench-detection -->", "<!-- detection: end -->"
OURS_WITHIN_S = 30.0
STOCK_WITHIN_S = 120.0
WANTED = {"silent_node": 2.0, "leader_kill": 5.0, "leader_term": 0.5}
WHAT = {
    "silent_node": "a node falls silent",
    "leader_kill": "the leader is killed (SIGKILL)",
    "leader_term": "the leader is told to end (SIGTERM)",
}

Seconds = dict[str, dict[str, list[float]]]


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hack/bench/detection.py", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--no-docs", action="store_true", help="leave docs/benchmarks.md alone")
    options = parser.parse_args(arguments)
    options.command = " ".join([parser.prog, *arguments]) if arguments else "make bench-detection"
    return options


async def silent_nodes(silence: Silence, victims: list[str], found: Seconds) -> None:
    """One after the other, each at a moment that no probe and no heartbeat knows of."""
    fell: dict[str, float] = {}
    for name in victims:
        await asyncio.sleep(random.uniform(2.0, 3.0))
        fell[name] = time.perf_counter()
        silence.fall_silent(name)
        took = await silence.sights.owner(name, LIVE, OURS_WITHIN_S) - fell[name]
        found["silent_node"]["ours"].append(took)
        report.say(f"{name} fell silent: the record named the backup after {took:.2f} s")
    for name in victims:
        took = await silence.sights.lost(f"stock-{name}", STOCK_WITHIN_S) - fell[name]
        found["silent_node"]["stock"].append(took)
    last = found["silent_node"]["stock"]
    report.say(f"stock: not ready any more after {min(last):.1f} to {max(last):.1f} s")


async def lost_leaders(
    silence: Silence, replicas: Replicas, name: str, how: str, count: int, found: Seconds
) -> None:
    """A pod fails in the same moment as the leader; who writes next has to be the other one."""
    number = signal.SIGKILL if how == "leader_kill" else signal.SIGTERM
    for _ in range(count):
        leader = await replicas.hot()
        await asyncio.sleep(random.uniform(0.5, 1.5))
        began = time.perf_counter()
        leader.send(number)
        await silence.ready(name, value=False)
        took = await silence.sights.owner(name, LIVE, OURS_WITHIN_S) - began
        found[how]["ours"].append(took)
        report.say(f"{WHAT[how]}: the next record after {took:.2f} s")
        await silence.ready(name, value=True)
        await silence.sights.owner(name, (name,), OURS_WITHIN_S)


async def run(plane: Plane, repetitions: int) -> Seconds:
    found: Seconds = {"silent_node": {"ours": [], "stock": []}}
    found |= {how: {"ours": []} for how in ("leader_kill", "leader_term")}
    victims = [victim(number) for number in range(repetitions + 1)]
    async with AsyncExitStack() as stack:
        standin = Standin()
        address = await standin.open()
        stack.push_async_callback(standin.close)
        replicas = await stack.enter_async_context(Replicas(plane, address))
        silence = await put_up(plane, standin, len(victims))
        stack.push_async_callback(silence.close)
        await replicas.hot()
        for name in victims:
            await silence.sights.owner(name, (name,), OURS_WITHIN_S)
        report.say(f"{len(victims)} VIPAs stand, two replicas run")
        for how in ("leader_term", "leader_kill"):
            await lost_leaders(silence, replicas, victims[-1], how, repetitions, found)
        await replicas.hot()
        await silent_nodes(silence, victims[:-1], found)
    return found


def summary(found: Seconds) -> dict[str, Any]:
    return {
        what: {
            who: {
                "p50": round(statistics.median(seconds), 3),
                "max": round(max(seconds), 3),
                "n": len(seconds),
                "seconds": [round(one, 3) for one in seconds],
            }
            for who, seconds in sides.items()
        }
        for what, sides in found.items()
    }


HEAD = ("from", "until the record names another owner", "p50 s", "max s", "n", "wanted below")


def rows(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    found = []
    for what, sides in figures.items():
        for who, one in sides.items():
            wanted = f"{WANTED[what]:g} s" if who == "ours" else "-"
            name = "operator" if who == "ours" else "stock EndpointSlice, not ready"
            numbers = f"{one['p50']:.2f}", f"{one['max']:.2f}", str(one["n"])
            found.append((WHAT[what], name, *numbers, wanted))
    return found


def tell(
    options: argparse.Namespace, figures: dict[str, Any], machine: dict[str, str], seconds: float
) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    whole = {**figures, "machine": machine, "command": options.command}
    (FOLDER / "detection.json").write_text(json.dumps(whole, indent=1) + "\n")
    table = Table(*HEAD)
    for row in rows(figures):
        table.add_row(*row)
    report.console.print(table)
    if not options.no_docs:
        lines = [report.ran(options.command, machine, seconds), "", report.line(HEAD)]
        lines.append(report.line(("---", "---", "--:", "--:", "--:", "--:")))
        report.put(BEGIN, END, "\n".join([*lines, *map(report.line, rows(figures))]) + "\n")


async def measure(options: argparse.Namespace) -> bool:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)  # type: ignore[union-attr]
    started = time.perf_counter()
    async with processes.control_plane(False, *DEFAULTS) as plane:
        figures = summary(await run(plane, options.repetitions))
        machine = report.machine(await report.kubernetes(plane.admin))
    tell(options, figures, machine, time.perf_counter() - started)
    return all(figures[what]["ours"]["max"] < wanted for what, wanted in WANTED.items())


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    try:
        met = asyncio.run(measure(options))
    except TimeoutError:
        report.say(f"bench: what was waited for did not happen, see {FOLDER / 'logs'}")
        return 1
    except (FailedError, ApiError, OSError) as error:
        report.say(f"bench: {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        report.say("bench: broken off, everything that it started has ended")
        return 1
    if not met:
        report.say("not everything was as quick as wanted")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
