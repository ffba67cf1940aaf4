"""`make bench-probes`: what it costs the operator to ask thousands of stacks.

Each kind of answer in a process of its own, beside a bare asyncio.open_connection at the same rate,
by turns. docs/benchmarks.md says what is measured and what is not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hack.bench import report
from hack.bench.processes import FOLDER, ROOT, FailedError
from hack.kube import certs
from rich.table import Table

BEGIN, END = "<!-- probes: written by make bench-probes -->", "<!-- probes: end -->"
HEAD = ("answer", "stacks", "probes a second", "cores", "us each", "bare us each", "ratio", "late")
WANTED_CORES = 0.5
INTERVAL_S = 2.0
# A listener that gets no processor time answers late: more of that is another measurement.
FEW = 0.02


class Case(NamedTuple):
    """A way to answer, or not to. Handshakes are ten times as dear, on both sides."""

    how: str
    share: float = 1.0
    timeout: float = 0.3


CASES = (Case("tcp"), Case("http"), Case("silent"), Case("https", share=0.1, timeout=1.0))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hack/bench/probes.py", description=__doc__)
    parser.add_argument("--stacks", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--no-docs", action="store_true", help="leave docs/benchmarks.md alone")
    options = parser.parse_args(arguments)
    options.command = " ".join([parser.prog, *arguments]) if arguments else "make bench-probes"
    return options


@contextmanager
def listening(how: str, certificate: Path) -> Iterator[int]:
    """A listener in a process of its own; its port."""
    command = [sys.executable, "-m", "hack.bench.probing", "listen", "--how", how]
    command += ["--certificate", str(certificate)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def probing(role: str, case: Case, port: int, options: argparse.Namespace) -> dict[str, Any]:
    """One measurement. Raises FailedError where it is not what it should be."""
    stacks = max(1, round(options.stacks * case.share))
    command = [sys.executable, "-m", "hack.bench.probing", role, "--how", case.how]
    for name, value in (
        ("port", port),
        ("stacks", stacks),
        ("interval", INTERVAL_S),
        ("timeout", case.timeout),
        ("seconds", options.seconds),
    ):
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(f"{role} {case.how}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    good, bad = ("unanswered", "answered") if case.how == "silent" else ("answered", "unanswered")
    if role == "ours" and found[bad] > FEW * found[good]:
        raise FailedError(f"{role} {case.how}: {found[bad]:.0f} probes were {bad}")
    found["probes"] = sum(found.get(key, 0.0) for key in ("answered", "unanswered", "uncounted"))
    found["us"] = found["cpu_s"] / found["probes"] * 1e6
    found["cores"] = found["cpu_s"] / found["wall_s"]
    return found


def measure(case: Case, certificate: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Medians over the repetitions. Nobody is there to be beside where all are silent, or in TLS:
    a bare connection does neither."""
    runs: list[dict[str, Any]] = []
    with listening(case.how, certificate) as port:
        for repetition in range(1, options.repetitions + 1):
            run = probing("ours", case, port, options)
            if case.how in ("tcp", "http"):
                run["bare_us"] = probing("bare", case, port, options)["us"]
            runs.append(run)
            beside = f", bare {run['bare_us']:.0f} us" if "bare_us" in run else ""
            report.say(
                f"{case.how} {repetition} of {options.repetitions}: {run['cores']:.3f} cores, "
                f"{run['us']:.0f} us a probe{beside}, {run['late']:.0f} late"
            )
    middle = {
        name: statistics.median(run[name] for run in runs)
        for name in ("cores", "us", "bare_us")
        if name in runs[0]
    }
    rates = [run["probes"] / run["wall_s"] for run in runs]
    return {
        "answer": case.how,
        "stacks": max(1, round(options.stacks * case.share)),
        "interval_s": INTERVAL_S,
        "probes_per_second": statistics.median(rates),
        "late": sum(run["late"] for run in runs),
        **middle,
        "runs": runs,
    }


def rows(found: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for one in found:
        bare = one.get("bare_us")
        yield (
            one["answer"],
            f"{one['stacks']:,}",
            f"{one['probes_per_second']:,.0f}",
            f"{one['cores']:.2f}",
            f"{one['us']:.0f}",
            f"{bare:.0f}" if bare else "",
            f"{one['us'] / bare:.2f}" if bare else "",
            f"{one['late']:.0f}",
        )


def markdown(found: list[dict[str, Any]], machine: dict[str, str], command: str) -> str:
    lines = [
        f"`{command}` on {machine['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"Linux {machine['kernel']}, Python {machine['python']}; interval {INTERVAL_S:g} s.",
        "",
        *(f"| {' | '.join(row)} |" for row in (HEAD, ("---", *("--:",) * 7), *rows(found))),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            certificate = Path(folder) / "tls"
            certs.ensure(certificate)
            found = [measure(case, certificate, options) for case in CASES]
    except (FailedError, OSError) as error:
        report.say(f"bench-probes: {error}")
        return 1
    machine = report.machine("")
    whole = {"cases": found, "machine": machine, "command": options.command}
    (FOLDER / "probes.json").write_text(json.dumps(whole, indent=1) + "\n")
    table = Table(*HEAD)
    for row in rows(found):
        table.add_row(*row)
    report.console.print(table)
    dear = [one["answer"] for one in found if one["cores"] >= WANTED_CORES]
    report.say(f"wanted: less than {WANTED_CORES} cores; not met by: {', '.join(dear) or 'none'}")
    report.say(f"measured in {time.perf_counter() - started:.0f} s")
    if not options.no_docs:
        report.put(BEGIN, END, markdown(found, machine, options.command))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
