"""The cluster's own Docker and kubeconfig, and the programs that the clone has built."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from vipa.rehearsal import kindnodes

ROOT = Path(__file__).resolve().parents[3]


def hack_kind(*arguments: str) -> str:
    """Run hack/kind, its progress on our stderr; what it printed."""
    command = [sys.executable, str(ROOT / "hack" / "kind"), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def enter() -> None:
    """docker and kubectl of the cluster, for everything that we start from here on."""
    for line in hack_kind("env").splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = shlex.split(value)[0]


def docker(*arguments: str) -> str:
    """Run docker of the environment; what it printed."""
    return kindnodes.docker(arguments)


def program(name: str) -> str:
    """kubectl or helm, as the clone has built them."""
    what = "tools" if name == "helm" else "binaries"
    command = [sys.executable, str(ROOT / "hack" / "controlplane"), what]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return str(Path(shown.strip().splitlines()[-1]) / name)
