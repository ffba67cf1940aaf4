"""The command line of `hack/controlplane`."""

import argparse
import os
from pathlib import Path

from . import binaries, display, install, plane, state, tools
from .outcome import exit_code
from .parts import Part
from .state import State

CLONE = Path(__file__).resolve().parents[2]
FLAG_OPTIONS = {
    "--etcd-flag": Part.ETCD,
    "--apiserver-flag": Part.API_SERVER,
    "--kcm-flag": Part.CONTROLLER_MANAGER,
}


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code: 1 it went wrong, 2 the machine lacks something."""
    options = _parser().parse_args(arguments)
    return exit_code("controlplane", lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hack/controlplane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("binaries", help="make sure that the programs exist, print their folder")
    commands.add_parser("tools", help="the same for helm, promtool and foreign CRDs")
    helps = {
        "up": "start a control plane, print the path of its kubeconfig",
        "down": "end a control plane and remove its folder",
        "status": "show the parts; exit code 1 unless all are well",
        "stop": "end one part",
        "start": "start one part again, on its old port",
        "install": "apply crds/, print the path of the operator's kubeconfig",
        "kubectl": "run kubectl with the kubeconfig of a control plane",
    }
    made = {name: commands.add_parser(name, help=text) for name, text in helps.items()}
    for command in made.values():
        command.add_argument("name", metavar="NAME")
        command.add_argument(
            "--dir",
            type=Path,
            default=CLONE / "build" / "controlplane",
            help="folder of the control planes (default: build/controlplane of the clone)",
        )
    for name in ("up", "status"):
        made[name].add_argument("--json", action="store_true", help="print JSON")
    for name in ("stop", "start"):
        made[name].add_argument("part", choices=[part.value for part in Part])
    for option, part in FLAG_OPTIONS.items():
        text = f"further flag of {part}, as {option}=--x=y; may be repeated"
        made["up"].add_argument(
            option, action="append", default=[], dest=part, metavar="--x=y", help=text
        )
    made["kubectl"].add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.command == "binaries":
        print(binaries.folder())
        return 0
    if options.command == "tools":
        print(tools.folder())
        return 0
    folder = state.folder_of(options.dir, options.name)
    if options.command == "kubectl":
        return _kubectl(state.existing(folder), options.arguments)
    match options.command:
        case "up":
            flags = {part: tuple(getattr(options, part)) for part in FLAG_OPTIONS.values()}
            made = plane.up(folder, flags)
            print(
                display.as_json(made, plane.look(made)) if options.json else made.places.kubeconfig
            )
        case "status":
            found = state.existing(folder)
            seen = plane.look(found)
            print(display.as_json(found, seen) if options.json else display.table(seen))
            return 0 if all(part.healthy for part in seen) else 1
        case "down":
            plane.down(folder)
        case "stop":
            plane.stop(folder, Part(options.part))
        case "start":
            plane.start(folder, Part(options.part))
        case "install":
            print(install.install(state.existing(folder), CLONE / "crds"))
    return 0


def _kubectl(found: State, arguments: list[str]) -> int:
    program = found.programs / "kubectl"
    if not program.exists():
        program = binaries.folder() / "kubectl"
    # By the environment, since a --kubeconfig in front would hide kubectl's plugins.
    environ = {**os.environ, "KUBECONFIG": str(found.places.kubeconfig)}
    os.execve(program, ["kubectl", *arguments], environ)
