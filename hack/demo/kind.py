"""The product in kind: cluster, image, chart, a node killed under traffic (`make kind-demo`).

Everything that a user would do by hand is done by the same commands; at the end the checker of the
chaos suite judges what was recorded, and its verdict is the exit code.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.chaos import checker  # noqa: E402
from tests.chaos.live import acts, campaign, environment, faults, world  # noqa: E402
from tests.chaos.live.recording import History  # noqa: E402

TOOK: list[tuple[str, float]] = []


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Say what begins, and remember how long it took."""
    began = time.monotonic()
    print(f"\n== {name}", file=sys.stderr, flush=True)
    yield
    TOOK.append((name, time.monotonic() - began))


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def prepare() -> None:
    """Cluster and images; what is there already is left as it is."""
    with phase("kind cluster: 1 control plane, 3 workers, 2 zones"):
        run("hack/kind", "up")
    with phase("the operator's image"):
        run("hack/image")
    with phase("images onto the nodes"):
        run("hack/kind", "load", image())
        run("hack/kind", "traffic")


def image() -> str:
    sys.path.insert(0, str(ROOT / "hack"))
    from image.__main__ import version  # noqa: PLC0415 - only importable from here on

    return f"sysplex-vipa:{version()}"


def main() -> int:
    began = time.monotonic()
    prepare()
    environment.enter()
    history = History(campaign.RESULTS / "demo.jsonl")
    history.say("run", chains=world.CHAINS, seed=None, faults=["node-kill"])
    scene = world.World(history)
    with phase("chart and examples: helm install, 3 stacks, 2 VIPAs, a stock Service"):
        scene.put_up()
        print(scene.kubectl("-n", world.NAMESPACE, "get", "vipas"))
    with phase("the node of sysa is killed while clients connect every 5 ms"):
        with acts.mended_at_the_end(scene):
            faults.carry_out(scene, faults.every()["node-kill"])
        print(scene.kubectl("-n", world.NAMESPACE, "get", "vipas"))
    with phase("everything deleted, and looked for what is left"):
        scene.take_down()
    lines = checker.read(history.path)
    print(campaign.table(lines))
    verdict = checker.main([str(history.path)])
    for name, seconds in TOOK:
        print(f"{seconds:7.1f} s  {name}")
    print(f"{time.monotonic() - began:7.1f} s  in all")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
