"""The command as a whole: help, version, start-up, unknown commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.ran import Vipa

import vipa as package
from vipa.cli import main

HEAVY = {"aiohttp", "asyncio", "kopf", "kubernetes", "orjson", "rich", "uvloop", "yaml"}
OURS = {"vipa.k8s.client", "vipa.rehearsal", "vipa.shell"}
COMMANDS = [
    "status",
    "explain",
    "plan",
    "simulate",
    "move",
    "unpin",
    "join",
    "leave",
    "rehearse",
    "lint",
    "snapshot",
    "doctor",
    "operator",
]


def python(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = str(Path(package.__file__).parents[1])
    return subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": path, **env},
        capture_output=True,
        text=True,
        check=True,
    )


def test_help_names_every_command(vipa: Vipa) -> None:
    ran = vipa("--help")
    assert ran.code == 0
    for name in COMMANDS:
        assert f"  {name} " in ran.out
        assert vipa(name, "-h").out.startswith("Usage:")


def test_version(vipa: Vipa) -> None:
    assert vipa("--version").out == f"vipa {package.__version__}\n"


def test_an_unknown_command_says_so(vipa: Vipa) -> None:
    for name in ("netstat", "deactivate", "history"):
        vipa(name, "web").refused(2, f"No such command '{name}'")


def test_starts_without_what_only_some_commands_need() -> None:
    script = "import sys, vipa.cli.main; print(*sorted(sys.modules))"
    loaded = set(python("-c", script).stdout.split())
    assert not loaded & (HEAVY | OURS)


def test_runs_as_a_module_and_completes_commands() -> None:
    assert python("-m", "vipa", "--version").stdout.startswith("vipa ")
    script = "import sys; sys.argv[0] = 'vipa'; from vipa.cli.main import main; main()"
    env = {"_VIPA_COMPLETE": "complete_bash", "COMP_WORDS": "vipa sim", "COMP_CWORD": "1"}
    assert python("-c", script, **env).stdout.strip() == "simulate"


def test_one_entry_point_for_both_names() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert 'vipa = "vipa.cli.main:main"' in project
    assert 'kubectl-vipa = "vipa.cli.main:main"' in project
    assert callable(main.main)
