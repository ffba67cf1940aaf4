"""Show on which step a long command is, and about how long that one takes."""

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kube.outcome import ProblemError, say

LINE_EVERY_S = 20.0
BEGAN = time.monotonic()


def elapsed_s() -> float:
    """Return the seconds since this program began."""
    return time.monotonic() - BEGAN


@contextmanager
def phase(name: str, *, about_s: float) -> Iterator[None]:
    """Say the name with its estimate, then every 20 s that it still runs, then what it took."""
    began = time.monotonic()
    over = threading.Event()

    def remind() -> None:
        while not over.wait(LINE_EVERY_S):
            say(f"  {name}: {time.monotonic() - began:.0f} s of about {about_s:.0f} s")

    say(f"[{elapsed_s():.0f} s] {name} (about {about_s:.0f} s)")
    threading.Thread(target=remind, daemon=True).start()
    try:
        yield
    finally:
        over.set()
    say(f"  {name}: {time.monotonic() - began:.1f} s")


def run(command: list[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Run with the output in a log; its end is the message if it fails. Raises ProblemError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, check=False
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ProblemError(f"{' '.join(command[:4])} ... failed ({done.returncode}):\n{last}")
