"""Which folder holds the four programs: the user's own, the cache, or a fresh build.

The versions are read from the go.mod files, because a second place that names them would
sooner or later disagree with what was built.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import building, toolchain
from .building import Program
from .outcome import MissingError, say

HERE = Path(__file__).resolve().parent
OWN_FOLDER = "SYSPLEX_KUBE_BIN"
ASK_VERSION = {
    "etcd": ("--version",),
    "kube-apiserver": ("--version",),
    "kube-controller-manager": ("--version",),
    "kubectl": ("version", "--client"),
}


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return a folder with all four programs, building them if there is no other way."""
    own = environ.get(OWN_FOLDER)
    if own:
        return checked(Path(own).expanduser())
    cache = cache_root(environ)
    kubernetes, etcd = pinned("kubernetes", "k8s.io/kubernetes"), pinned("etcd", ETCD_MODULE)
    target = cache / f"kube-{kubernetes}-etcd{etcd.removeprefix('v')}"
    return built(target, programs(kubernetes), environ)


ETCD_MODULE = "go.etcd.io/etcd/server/v3"


def built(target: Path, wanted: Mapping[str, Program], environ: Mapping[str, str]) -> Path:
    """Return the target with these programs in it."""
    recipe = building.Recipe(
        target=target,
        sources=HERE,
        programs=wanted,
        go=lambda: toolchain.find(cache_root(environ)),
        environ=environ,
    )
    if not recipe.complete():
        building.build(recipe)
    return target


def programs(version: str) -> dict[str, Program]:
    """Return what a control plane of this version is built from."""
    # Without these the programs call themselves v0.0.0-master, which kubectl's check of the
    # version skew and kubeadm take at its word.
    major, minor = version.removeprefix("v").split(".")[:2]
    at = "k8s.io/component-base/version"
    names = f"-X {at}.gitVersion={version} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}"
    link = f"-s -w {names} -X k8s.io/client-go/pkg/version.gitVersion={version}"
    return {"etcd": Program(module="etcd", package=ETCD_MODULE)} | {
        name: Program(module="kubernetes", package=f"k8s.io/kubernetes/cmd/{name}", link=link)
        for name in ("kube-apiserver", "kube-controller-manager", "kubectl")
    }


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the one folder outside of the clone that this tool writes to."""
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "sysplex-vipa"


def pinned(sources: str, module: str) -> str:
    """Return the version of this module that our go.mod requires."""
    text = (HERE / sources / "go.mod").read_text()
    found = re.search(rf"^(?:require|\t) ?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise MissingError(f"{HERE / sources / 'go.mod'} requires no {module}: git checkout it")
    return found[1]


def checked(own: Path) -> Path:
    """Refuse a folder of the user's that cannot serve; another version is the user's right."""
    answers = {program: version_of(own / program) for program in ASK_VERSION}
    bad = [program for program, answer in answers.items() if answer is None]
    if bad:
        raise MissingError(
            f"{OWN_FOLDER}={own} has no working {', '.join(bad)}: "
            "put the programs for this machine there, or unset the variable to have them built"
        )
    say(f"using {OWN_FOLDER}={own} ({answers['kube-apiserver']})")
    return own.resolve()


def version_of(program: Path) -> str | None:
    """Return what the program calls itself, or None if it is not there or does not run."""
    command = [str(program), *ASK_VERSION[program.name]]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().partition("\n")[0] or None
