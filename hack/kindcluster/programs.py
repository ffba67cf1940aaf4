"""The Go programs of a node, from pinned modules, in the cache that all clones share.

What `hack/controlplane` builds is taken from there; the rest is built in the same way.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from kube import binaries, building, toolchain
from kube.building import Program
from kube.outcome import MissingError

from . import phases

HERE = Path(__file__).resolve().parent
HACK = HERE.parent
CONTAINERD = "github.com/containerd/containerd/v2"
PLUGINS = "github.com/containernetworking/plugins/plugins"
KIND = "sigs.k8s.io/kind"


def table() -> dict[str, Program]:
    """Return all that a node needs beyond the programs of `hack/controlplane`."""
    link = binaries.programs(kubernetes())["kubectl"].link
    found = {
        name: Program(module="kube/kubernetes", package=f"k8s.io/kubernetes/cmd/{name}", link=link)
        for name in ("kubelet", "kubeadm", "kube-proxy", "kube-scheduler")
    }
    version = pinned("containerd", CONTAINERD)
    found |= {
        name: Program(
            module="kindcluster/containerd",
            package=f"{CONTAINERD}/cmd/{name}",
            link=f"-s -w -X {CONTAINERD}/version.Version={version}",
            # What they need is not in a node, and devmapper would need cgo.
            tags="no_aufs no_zfs no_btrfs no_devmapper",
        )
        for name in ("containerd", "ctr", "containerd-shim-runc-v2")
    }
    found |= {
        path.rpartition("/")[2]: Program(module="kindcluster/cni", package=f"{PLUGINS}/{path}")
        for path in ("ipam/host-local", "main/ptp", "main/loopback", "meta/portmap")
    }
    return found | {"coredns": Program(module="kindcluster/coredns", package=".")}


def kubernetes() -> str:
    """Return the version of Kubernetes that our nodes run."""
    return binaries.pinned("kubernetes", "k8s.io/kubernetes")


def pinned(folder: str, module: str) -> str:
    """Return the version that a go.mod of this folder requires."""
    for line in (HERE / folder / "go.mod").read_text().splitlines():
        words = line.removeprefix("require").split()
        if words[:1] == [module]:
            return words[1]
    raise MissingError(f"{HERE / folder / 'go.mod'} requires no {module}: git checkout it")


def kind() -> Path:
    """Return kind in the pinned version, built if it is not there."""
    wanted = {"kind": Program(module="kindcluster/kind", package=KIND)}
    return _built(f"kind-{pinned('kind', KIND)}", wanted) / "kind"


def node() -> Path:
    """Return the folder of the programs of `table`, built if they are not there."""
    wanted = table()
    digest = hashlib.sha256()
    for module in sorted({program.module for program in wanted.values()}):
        digest.update((HACK / module / "go.mod").read_bytes())
    return _built(f"node-{kubernetes()}-{digest.hexdigest()[:8]}", wanted)


def kind_source(path: str) -> Path:
    """Return a file or folder of kind's Go module, which carries what its base image needs."""
    go = toolchain.find(binaries.cache_root())
    shown = subprocess.run(
        [str(go), "mod", "download", "-json", KIND],
        cwd=HERE / "kind",
        capture_output=True,
        check=True,
        env={**os.environ, "GOWORK": "off"},
    )
    return Path(json.loads(shown.stdout)["Dir"]) / path


def go_build(module: Path, target: Path, log: Path) -> None:
    """Build the program of a module without dependencies. Raises ProblemError."""
    go = toolchain.find(binaries.cache_root())
    command = [
        str(go),
        "build",
        "-C",
        str(module),
        "-trimpath",
        "-buildvcs=false",
        "-ldflags=-s -w",
    ]
    env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    phases.run([*command, "-o", str(target), "."], log=log, env=env)


def _built(name: str, wanted: dict[str, Program]) -> Path:
    cache = binaries.cache_root()
    recipe = building.Recipe(
        target=cache / name,
        sources=HACK,
        programs=wanted,
        go=lambda: toolchain.find(cache),
        environ=os.environ,
    )
    if not recipe.complete():
        building.build(recipe)
    return recipe.target
