"""What a run says: progress, tables, build/bench/takeover.json, docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from hack.bench import figures
from hack.bench.driving import FLOOR, OURS, OURS_BESIDE, STOCK, STOCK_BESIDE, Sample
from hack.bench.figures import Figures, Wish
from hack.bench.processes import ROOT
from hack.bench.stamps import Story
from rich.console import Console
from rich.table import Table

from vipa.k8s import access
from vipa.k8s.client import Client

DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- takeover: written by make bench -->", "<!-- takeover: end -->"
WHO = {
    OURS: "operator",
    FLOOR: "floor",
    STOCK: "stock",
    OURS_BESIDE: "operator, beside stock",
    STOCK_BESIDE: "stock, beside the operator",
}
console = Console(highlight=False, soft_wrap=True)


class Run(NamedTuple):
    """A finished run."""

    found: Figures
    wishes: list[Wish]
    machine: Mapping[str, str]
    seconds: float
    command: str


def say(text: str) -> None:
    console.print(text, markup=False)


def repetition(
    title: str, samples: list[Sample], stories: Mapping[str, Story], seconds: float
) -> None:
    """One line of progress: (a) of ours and the floor, (b) of the rest, p50/p99 in ms."""
    found = figures.evaluate(samples, stories)
    shown = []
    for part, kinds in (
        ("a", (OURS, FLOOR)),
        ("b", (OURS, FLOOR, STOCK, OURS_BESIDE, STOCK_BESIDE)),
    ):
        (by_kind,) = found[part].values()
        row = ", ".join(f"{k} {by_kind[k]['p50']:.1f}/{by_kind[k]['p99']:.1f}" for k in kinds)
        shown.append(f"({part}) {row}")
    say(f"{title}: {'; '.join(shown)} ms ({seconds:.0f} s)")


async def kubernetes(kubeconfig: str) -> str:
    client = Client(await access.find(kubeconfig))
    try:
        return str((await client.request("GET", "/version"))["gitVersion"])
    finally:
        await client.close()


def machine(version: str) -> dict[str, str]:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kubernetes": version,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": " ".join(f"{value:.1f}" for value in os.getloadavg()),
    }


def write_json(run: Run, samples: Iterable[Sample], folder: Path) -> None:
    ratios = {wish.name: wish.value for wish in run.wishes}
    whole = {**run.found, "ratios": ratios, "machine": dict(run.machine), "command": run.command}
    (folder / "takeover.json").write_text(json.dumps(whole, indent=1) + "\n")
    raw = [sample._asdict() for sample in samples]
    (folder / "takeover-samples.json").write_text(json.dumps(raw) + "\n")


def rows(found: Figures) -> Iterable[tuple[str, str, str, str, str, str, str]]:
    for part in ("a", "b", "cpu"):
        for size, kinds in found[part].items():
            for kind, one in kinds.items():
                spread = one["p50 by repetition"]
                yield (
                    f"({part})",
                    f"{int(size):,}",
                    WHO[kind],
                    f"{one['p50']:.1f}",
                    f"{one['p99']:.1f}",
                    f"{min(spread):.1f} to {max(spread):.1f}",
                    str(one["n"]),
                )


HEAD = ("", "VIPAs", "who", "p50 ms", "p99 ms", "medians of repetitions", "n")


def show(run: Run) -> None:
    table = Table(*HEAD)
    for row in rows(run.found):
        table.add_row(*row)
    console.print(table)
    wanted = Table("ratio", "measured", "wanted at most", "met")
    for wish in run.wishes:
        word = "[green]yes[/]" if wish.met else "[red]no[/]"
        wanted.add_row(wish.name, f"{wish.value:.2f}", f"{wish.at_most:.2f}", word)
    console.print(wanted)
    say(f"measured in {run.seconds:.0f} s on {', '.join(run.machine.values())}")


def write_docs(run: Run) -> None:
    put(BEGIN, END, markdown(run))


def put(begin: str, end: str, tables: str) -> None:
    """Put tables between their markers in the docs; everything around them stays."""
    before, found, rest = DOCS.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        say(f"{DOCS} has no markers {begin} ... {end}: left alone")
        return
    DOCS.write_text(f"{before}{begin}\n\n{tables}\n{end}{after}")


def markdown(run: Run) -> str:
    lines = [
        ran(run.command, run.machine, run.seconds),
        "",
        line(HEAD),
        line(("---", "--:", "---", "--:", "--:", "---", "--:")),
        *map(line, rows(run.found)),
        "",
        line(("ratio", "measured", "wanted at most", "met")),
        line(("---", "--:", "--:", "---")),
    ]
    for wish in run.wishes:
        word = "yes" if wish.met else "no"
        lines.append(line((wish.name, f"{wish.value:.2f}", f"{wish.at_most:.2f}", word)))
    return "\n".join(lines) + "\n"


def ran(command: str, here: Mapping[str, str], seconds: float) -> str:
    """What was run, when, for how long, and on what."""
    return (
        f"`{command}` on {here['date']}, {seconds:.0f} s: {here['cpu']}, {here['cores']} cores, "
        f"Linux {here['kernel']}, Python {here['python']}, Kubernetes {here['kubernetes']}."
    )


def line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
