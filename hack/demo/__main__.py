"""The demo: `make demo`, or `make demo KEEP=1` to go on playing.

With the demo kept: `hack/demo fail|recover STACK`, `hack/demo down|up|silence|speak NODE`,
`hack/demo --stop`.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import time

from heart import live
from scene import (
    HOME,
    NAMESPACE,
    PLANE,
    ROOT,
    SILENT,
    STANDIN,
    Replicas,
    Scene,
    end_detached,
    plane,
    start_heart,
)
from story import Broken, Story

KEPT = """
Left running. To play:
  export KUBECONFIG={kubeconfig}
  hack/controlplane kubectl demo get vipas,stacks,sysplexes,vipabackups
  hack/controlplane kubectl demo describe vipa web
  .venv/bin/vipa status
  .venv/bin/vipa explain web
  .venv/bin/vipa simulate --fail zone/zone-a
  .venv/bin/python hack/demo fail sysa       (recover sysa, down|up|silence|speak n1)
  .venv/bin/python hack/demo --stop          ends all of it
"""


async def perform(keep: bool) -> int:
    began = time.monotonic()
    end_detached()
    HOME.mkdir(parents=True, exist_ok=True)
    kubeconfig = plane("up", PLANE)
    replicas = Replicas(plane("install", PLANE))
    scene = await Scene.open(kubeconfig)
    story = Story(scene, replicas, kubeconfig)
    kept = False
    try:
        start_heart(kubeconfig)
        replicas.start()
        await scene.put_up()
        await apply("sysplex.yaml")
        await scene.joined()
        await apply("")
        text = "control plane, CRDs and two replicas of the operator are up; examples/ is applied"
        story.say(text, "bold")
        await story.run()
        story.table()
        print(f"\n{len(story.moves)} moves, {time.monotonic() - began:.0f} s in all")
        kept = keep
    except (Broken, TimeoutError) as error:
        what = error or "what was waited for did not happen"
        print(f"demo: {what}; see build/demo/operator-*.log", file=sys.stderr)
        return 1
    finally:
        await scene.close()
        if not kept:
            replicas.end()
            end_detached()
            plane("down", PLANE)
            shutil.rmtree(HOME, ignore_errors=True) if sys.exc_info()[0] is None else None
    if kept:
        print(KEPT.format(kubeconfig=kubeconfig))
    return 0


async def apply(name: str) -> None:
    path = str(ROOT / "examples" / name)
    await asyncio.to_thread(plane, "kubectl", PLANE, "apply", "--server-side", "-f", path)


async def play(verb: str, name: str) -> int:
    """One failure, or its end, by hand."""
    scene = await Scene.open(plane("up", PLANE))
    try:
        match verb:
            case "fail":
                await scene.fail(name)
            case "recover":
                await scene.recover(name)
            case "down":
                await scene.node(name, "Unknown")
            case "up":
                await scene.node(name, "True")
            case "silence":
                scene.silence(name)
            case "speak":
                scene.silence()
    finally:
        await scene.close()
    print(f"{verb} {name}: see `kubectl get vipas -n {NAMESPACE}`")
    return 0


def _terminated(number: int, _: object) -> None:
    """As an exception, so that what was started is ended also when the demo is."""
    raise SystemExit(128 + number)


def main() -> int:
    signal.signal(signal.SIGTERM, _terminated)
    parser = argparse.ArgumentParser(prog="hack/demo", description=__doc__)
    parser.add_argument(
        "verb", nargs="?", choices=["fail", "recover", "down", "up", "silence", "speak"]
    )
    parser.add_argument("name", nargs="?", help="a stack (fail, recover) or a node (the others)")
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument("--stop", action="store_true", help="end what --keep left running")
    parser.add_argument("--heart", metavar="KUBECONFIG", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.heart:
        asyncio.run(live(options.heart, STANDIN, SILENT))
    elif options.stop:
        end_detached()
        plane("down", PLANE)
        shutil.rmtree(HOME, ignore_errors=True)
    elif options.verb:
        if not options.name:
            parser.error(f"{options.verb} needs a name")
        return asyncio.run(play(options.verb, options.name))
    else:
        return asyncio.run(perform(options.keep))
    return 0


if __name__ == "__main__":
    sys.exit(main())
