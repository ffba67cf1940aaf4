"""The Go programs of a node, from pinned modules, in the cache that all clones share.

What `hack/controlplane` has built already is taken from there; the rest is built here, one
program at a time, each moved into place when it is whole.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kube import binaries, locks, toolchain
from kube.outcome import MissingError

from . import phases

HERE = Path(__file__).resolve().parent
KUBE = HERE.parent / "kube"
CONTAINERD = "github.com/containerd/containerd/v2"
PLUGINS = "github.com/containernetworking/plugins/plugins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One to build: where its go.mod lies, its package, seconds with cold caches."""

    module: Path
    package: str
    cold_s: float
    link: str = ""
    tags: str = ""


def _kubernetes(name: str, cold_s: float) -> Program:
    version = kubernetes()
    major, minor = version.removeprefix("v").split(".")[:2]
    at = "k8s.io/component-base/version"
    link = f"-X {at}.gitVersion={version} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}"
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Program(module=KUBE / "kubernetes", package=package, cold_s=cold_s, link=link)


def _containerd(name: str, cold_s: float) -> Program:
    return Program(
        module=HERE / "containerd",
        package=f"{CONTAINERD}/cmd/{name}",
        cold_s=cold_s,
        link=f"-X {CONTAINERD}/version.Version={pinned('containerd', CONTAINERD)}",
        tags="no_aufs no_zfs no_btrfs no_devmapper",
    )


def _plugin(path: str) -> Program:
    return Program(module=HERE / "cni", package=f"{PLUGINS}/{path}", cold_s=10)


def table() -> dict[str, Program]:
    """Return all that a node needs beyond the programs of `hack/controlplane`."""
    return {
        "kubelet": _kubernetes("kubelet", 90),
        "kubeadm": _kubernetes("kubeadm", 40),
        "kube-proxy": _kubernetes("kube-proxy", 30),
        "kube-scheduler": _kubernetes("kube-scheduler", 20),
        "containerd": _containerd("containerd", 200),
        "ctr": _containerd("ctr", 30),
        "containerd-shim-runc-v2": _containerd("containerd-shim-runc-v2", 20),
        "host-local": _plugin("ipam/host-local"),
        "ptp": _plugin("main/ptp"),
        "loopback": _plugin("main/loopback"),
        "portmap": _plugin("meta/portmap"),
        "coredns": Program(module=HERE / "coredns", package=".", cold_s=200),
    }


KIND = Program(module=HERE / "kind", package="sigs.k8s.io/kind", cold_s=40)


def kubernetes() -> str:
    """Return the version of Kubernetes that our nodes run."""
    return binaries.pinned("kubernetes", "k8s.io/kubernetes")


def pinned(folder: str, module: str) -> str:
    """Return the version that a go.mod of ours requires."""
    for line in (HERE / folder / "go.mod").read_text().splitlines():
        words = line.removeprefix("require").split()
        if words[:1] == [module]:
            return words[1]
    raise MissingError(f"{HERE / folder / 'go.mod'} requires no {module}: git checkout it")


def kind(environ: Mapping[str, str] = os.environ) -> Path:
    """Return kind in the pinned version, built if it is not there."""
    version = pinned("kind", "sigs.k8s.io/kind")
    target = binaries.cache_root(environ) / f"kind-{version}"
    _build(target, {"kind": KIND})
    return target / "kind"


def node(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the programs of `table`, built if they are not there."""
    wanted = table()
    digest = hashlib.sha256()
    for module in sorted({program.module for program in wanted.values()}):
        digest.update((module / "go.mod").read_bytes())
    name = f"node-{kubernetes()}-{digest.hexdigest()[:8]}"
    target = binaries.cache_root(environ) / name
    _build(target, wanted)
    return target


def kind_source(path: str) -> Path:
    """Return a file or folder of kind's Go module, which carries what its base image needs."""
    go = toolchain.find(binaries.cache_root())
    command = [str(go), "mod", "download", "-json", KIND.package]
    shown = subprocess.run(
        command,
        cwd=KIND.module,
        capture_output=True,
        check=True,
        env={**os.environ, "GOWORK": "off"},
    )
    return Path(json.loads(shown.stdout)["Dir"]) / path


def go_build(program: Program, target: Path, log: Path) -> None:
    """Build one program statically. Raises ProblemError."""
    go = toolchain.find(binaries.cache_root())
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", f"-tags={program.tags}"]
    # -C has to be the first flag.
    command = [str(go), "build", "-C", str(program.module), *flags]
    command += [f"-ldflags=-s -w {program.link}", "-o", str(target), program.package]
    env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    phases.run(command, log=log, env=env)


def _build(target: Path, wanted: Mapping[str, Program]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"another build of {target.name} runs: waiting for it"
    with locks.held(target.with_name(f"{target.name}.lock"), waiting=waiting):
        missing = [name for name in wanted if not (target / name).is_file()]
        target.mkdir(exist_ok=True)
        for number, name in enumerate(missing, 1):
            scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=target))
            title = f"go build {name} [{number}/{len(missing)}]"
            try:
                with phases.phase(title, about_s=wanted[name].cold_s):
                    go_build(wanted[name], scratch / name, target / f".{name}.log")
                os.replace(scratch / name, target / name)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
