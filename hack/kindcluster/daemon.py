"""A dockerd of the clone's own: own socket, own data, no bridge; it ends with `down`.

It never touches a Docker that is there already: only where none answers is this one started.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from kube import processes
from kube.outcome import MissingError, ProblemError, say

PACKAGES = {"dockerd": "docker.io", "debootstrap": "debootstrap", "gcc": "gcc"}
SYS_RESOURCE = 24  # its bit, see capabilities(7)
STARTS_WITHIN_S = 20.0
LONGEST_PATH = 70  # a socket's path has 107 bytes, and containerd appends to ours


def socket(state: Path) -> Path:
    """Return where it listens."""
    return state / "run" / "docker.sock"


def log(state: Path) -> Path:
    """Return what it writes to."""
    return state / "logs" / "dockerd.log"


def client() -> str | None:
    """Return Debian's client: a newer one of another origin may come without BuildKit."""
    debian = Path("/usr/bin/docker")
    return str(debian) if debian.exists() else shutil.which("docker")


def start(state: Path) -> None:
    """Start it and return when it listens. Raises MissingError if the machine cannot."""
    lacking = [] if os.geteuid() == 0 else ["root"]
    if lacking:
        raise MissingError("no Docker answers, and to start one needs root: start Docker, or sudo")
    if len(str(state)) > LONGEST_PATH:
        raise MissingError(f"{state} is too long for the path of a socket: clone elsewhere")
    install()
    for folder in ("run", "logs", "docker"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    config = state / "run" / "daemon.json"
    config.write_text(json.dumps(_config(state), indent=1))
    say(f"no Docker answers: starting dockerd with data and socket in {state}")
    if lacks_sys_resource():
        say("this machine lacks CAP_SYS_RESOURCE: containers run without it (kindcluster/runtime)")
    command = ["dockerd", "--config-file", str(config)]
    process = processes.spawn(command, log(state), state)
    (state / "run" / "dockerd.json").write_text(
        json.dumps({"pid": process.pid, "born": process.born})
    )
    until = time.monotonic() + STARTS_WITHIN_S
    while not socket(state).exists() and time.monotonic() < until:
        if not processes.alive(process):
            raise ProblemError(f"dockerd ended at once: {_last_line(log(state))}")
        time.sleep(0.05)


def stop(state: Path, *, forget: bool) -> None:
    """End it if it is ours and runs. `forget`: what it stored goes, too."""
    record = state / "run" / "dockerd.json"
    if record.exists():
        processes.end([processes.Process(**json.loads(record.read_text()))], grace_s=30.0)
        record.unlink()
    # dockerd leaves its network namespace mounted, and no folder above that could be removed.
    for place in mounted(state):
        subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    if forget and (state / "docker").exists():
        shutil.rmtree(state / "docker")


def mounted(state: Path, mounts: Path = Path("/proc/self/mounts")) -> list[Path]:
    """Return where something is mounted below this folder, the innermost first."""
    if not mounts.exists():
        return []
    places = [Path(line.split()[1]) for line in mounts.read_text().splitlines()]
    return [place for place in reversed(places) if place.is_relative_to(state)]


def install() -> None:
    """Install what is missing where apt can; else say what to install. Raises MissingError."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise MissingError(f"no Docker answers; needed to have one: {' '.join(missing)}")
    say(f"this machine has no {', '.join(missing)}: {' '.join(command)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet"], capture_output=True, env=env, check=False)
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise MissingError(f"apt-get could not install {' '.join(missing)}: {done.stderr.strip()}")


def lacks_sys_resource(status: Path = Path("/proc/self/status")) -> bool:
    """Tell whether the machine has taken the capability from all of its processes."""
    for line in status.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd":
            return not int(value, 16) >> SYS_RESOURCE & 1
    return False


def _config(state: Path) -> dict[str, object]:
    config: dict[str, object] = {
        "data-root": str(state / "docker"),
        "exec-root": str(state / "run" / "exec"),
        "pidfile": str(state / "run" / "docker.pid"),
        "hosts": [f"unix://{socket(state)}"],
        # Two daemons would fight over docker0; kind has a network of its own.
        "bridge": "none",
        "storage-driver": "overlay2",
        "log-opts": {"max-size": "20m"},
    }
    if lacks_sys_resource():
        runtime = Path(__file__).with_name("runtime")
        config["runtimes"] = {"without-sys-resource": {"path": str(runtime)}}
        config["default-runtime"] = "without-sys-resource"
    return config


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
