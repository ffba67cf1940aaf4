"""Build the programs from the pinned Go modules into the cache.

Invariant: a program that is in the target folder is whole. Each is built in a folder of its
own run and moved by one rename, because a build takes minutes, is broken off now and then,
and half a program would otherwise fail every later run in a way that nobody connects to it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import locks, progress
from .outcome import ProblemError, say

PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
MARKER = ".complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to build and with what; Go is asked for late, since a full cache needs none."""

    target: Path
    sources: Path
    version: str
    go: Callable[[], Path]
    environ: Mapping[str, str]


def complete(target: Path) -> bool:
    """Tell whether a build ended well here and nobody took a program away since."""
    return all((target / name).is_file() for name in (MARKER, *PACKAGES))


def build(recipe: Recipe) -> None:
    """Build what is not there yet; of two builds at once the second waits and finds it done."""
    target = recipe.target
    lock = target.with_name(f"{target.name}.lock")
    with locks.held(lock, waiting=f"another build of {target.name} runs: waiting for it"):
        if complete(target):
            return
        prefix = f"{target.name}.building-"
        for left in target.parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        go = recipe.go()
        target.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        try:
            _build_all(recipe, go, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        (target / MARKER).touch()


def _build_all(recipe: Recipe, go: Path, scratch: Path) -> None:
    wanted = [name for name in PACKAGES if not (recipe.target / name).is_file()]
    say(f"building {', '.join(wanted)} with {go} into {recipe.target} (once per machine)")
    for number, name in enumerate(wanted):
        seen = progress.Step(name=name, done=tuple(wanted[:number]), left=tuple(wanted[number:]))
        log = recipe.target / f".{name}.log"
        code = _compile(recipe, _command(recipe, go, name, scratch), log, seen)
        if code:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise ProblemError(f"go could not build {name} (exit code {code}):\n{last}")
        os.replace(scratch / name, recipe.target / name)
        log.unlink()


def _command(recipe: Recipe, go: Path, name: str, scratch: Path) -> list[str]:
    # Without these the programs call themselves v0.0.0-master, which kubectl's check of the
    # version skew and kubeadm take at its word.
    major, minor = recipe.version.removeprefix("v").split(".")[:2]
    at = "k8s.io/component-base/version"
    names = f"-X {at}.gitVersion={recipe.version} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}"
    client = f"-X k8s.io/client-go/pkg/version.gitVersion={recipe.version}"
    link = "-s -w" if name == "etcd" else f"-s -w {names} {client}"
    # Said on the command line, because GOFLAGS of the environment may say otherwise and the
    # user's other flags (proxies, caches) must stay in force.
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags={link}"]
    return [str(go), "build", *flags, "-o", str(scratch / name), PACKAGES[name]]


def _compile(recipe: Recipe, command: list[str], log: Path, step: progress.Step) -> int:
    module = "etcd" if step.name == "etcd" else "kubernetes"
    environ = {**recipe.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=recipe.sources / module,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return progress.watch(process, step)
    finally:
        # The whole group, because go leaves its compilers running when only go is ended.
        progress.end_group(process)
