"""The command line of `hack/kind`."""

import argparse
import shlex
from pathlib import Path

from kube import locks
from kube.outcome import MissingError, exit_code, say

from . import cluster, daemon, engine, nodeimage, phases, rehearsals, traffic

CLONE = Path(__file__).resolve().parents[2]
STATE = CLONE / "build" / "kind"

EXPORTED = ("DOCKER_HOST", "DOCKER_BUILDKIT", "KUBECONFIG", "KIND_EXPERIMENTAL_DOCKER_NETWORK")


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code: 1 it went wrong, 2 the machine lacks something."""
    options = _parser().parse_args(arguments)
    STATE.mkdir(parents=True, exist_ok=True)
    return exit_code("kind", lambda: _begin(options))


def _begin(options: argparse.Namespace) -> int:
    if options.command == "env":
        return _env()
    with locks.held(STATE / ".lock", waiting="another hack/kind runs: waiting for it"):
        return _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hack/kind", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("engine", help="make sure that a Docker answers, starting one if need be")
    commands.add_parser("up", help="start the cluster, print the path of its kubeconfig")
    down = commands.add_parser("down", help="delete the cluster, end a dockerd of this clone")
    down.add_argument(
        "--all", action="store_true", help="also remove what a dockerd of this clone has stored"
    )
    load = commands.add_parser("load", help="put images onto all nodes")
    load.add_argument("images", nargs="+", metavar="IMAGE|ARCHIVE")
    commands.add_parser("env", help='print variables: eval "$(hack/kind env)"')
    commands.add_parser("traffic", help="build and load hack/traffic, print its path")
    commands.add_parser(
        "rehearsals", help="let `vipa rehearse --engine kind` run here, print the kubeconfig"
    )
    commands.add_parser("base", help="make a minimal Debian image, print its name")
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.command == "down":
        found = engine.find(STATE)
        if found is not None:
            cluster.down(found, STATE)
        daemon.stop(STATE, forget=options.all)
        return 0
    ready = engine.ready(STATE)
    match options.command:
        case "up":
            cluster.up(ready, STATE)
            say(f"up after {phases.elapsed_s():.0f} s")
            print(cluster.kubeconfig(STATE))
        case "load":
            for image in options.images:
                cluster.load(ready, STATE, image)
        case "traffic":
            cluster.load(ready, STATE, str(traffic.archive(STATE)))
            print(STATE / "traffic")
        case "rehearsals":
            rehearsals.prepare(STATE, CLONE / "crds")
            print(cluster.kubeconfig(STATE))
        case "base":
            print(nodeimage.base_image(ready, STATE / "logs"))
        case "engine":
            print(ready.host or "the default Docker")
    return 0


def _env() -> int:
    found = engine.find(STATE)
    if found is None:
        raise MissingError("no Docker answers: hack/kind up")
    values = cluster.env(found, STATE)
    for name in (*EXPORTED, "PATH"):
        if name in values:
            print(f"export {name}={shlex.quote(values[name])}")
    return 0
