"""The server and client of hack/traffic: one static program, also as an image without any base."""

from pathlib import Path

from . import layers, phases, programs
from .layers import Image

SOURCE = Path(__file__).resolve().parents[1] / "traffic"
IMAGE = "sysplex.local/traffic:1"


def program(state: Path) -> Path:
    """Return the program, built anew: Go knows what has not changed."""
    state.mkdir(parents=True, exist_ok=True)
    target = state / "traffic"
    with phases.phase("go build traffic", about_s=5):
        programs.go_build(SOURCE, target, state / "logs" / "traffic.log")
    return target


def archive(state: Path) -> Path:
    """Return an archive with the image in it."""
    target = state / "traffic.tar"
    server = program(state)
    entrypoint = ("/traffic", "serve")
    layers.write(target, [Image(name=IMAGE, entrypoint=entrypoint, files={"/traffic": server})])
    return target
