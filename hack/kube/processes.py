"""Start programs that outlive this one, and end them without ever hitting a stranger.

A process is known by its pid, the time of its start and the boot of the machine, because pids
are given again: after a restart of the machine a recorded pid belongs to somebody else.
"""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One running program of ours, as it is recorded."""

    pid: int
    born: str


def spawn(command: list[str], log: Path, folder: Path) -> Process:
    """Start in a session of its own, so that neither Ctrl-C nor our end reaches the program."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It is meant to outlive us; without this Python would warn about it at our end.
    child.returncode = 0
    return Process(pid=child.pid, born=birth(child.pid) or "died at once")


def alive(process: Process | None) -> bool:
    """Tell whether this very process still runs."""
    return process is not None and birth(process.pid) == process.born


def birth(pid: int) -> str | None:
    """Return what tells this process from a later one of the same pid; None if it is gone."""
    if not Path("/proc/self/stat").exists():
        return _birth_by_ps(pid)
    try:
        # After the name in brackets, which may hold anything, even blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, threads, started = fields[0], int(fields[17]), fields[19]
    # In a container nobody may collect the dead, so that a zombie counts as gone; but not
    # while it has other threads, which hold its ports until they have ended as well.
    if state in "ZX" and threads <= 1:
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{started}"


def _birth_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    started, _, state = answer.stdout.strip().rpartition(" ")
    return started.strip() or None if not state.startswith("Z") else None


def end(processes: list[Process], *, grace_s: float) -> None:
    """Ask all to end, and after the grace kill the rest; return when none is left."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        for process in filter(alive, processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        until = time.monotonic() + wait_s
        while any(map(alive, processes)) and time.monotonic() < until:
            _collect(processes)
            time.sleep(POLL_S)
        _collect(processes)


def _collect(processes: list[Process]) -> None:
    """Collect those that are children of ours, lest a long test run gathers zombies."""
    for process in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
