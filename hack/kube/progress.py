"""Show that a build of minutes is alive, and about how long it will still take."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from .outcome import say

# Seconds with cold caches on two cores, in this order (the programs share packages, so the
# first of a kind pays for the rest). They only have to be of the right size.
COLD_S = {
    "etcd": 77,
    "kube-apiserver": 395,
    "kube-controller-manager": 110,
    "kubectl": 28,
    "helm": 150,
    "promtool": 150,
    "kind": 30,
    "kubelet": 90,
    "kubeadm": 40,
    "kube-proxy": 30,
    "kube-scheduler": 20,
    "containerd": 200,
    "ctr": 30,
    "containerd-shim-runc-v2": 20,
    "host-local": 15,
    "ptp": 10,
    "loopback": 5,
    "portmap": 5,
    "coredns": 200,
}
LINE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where in the list of programs a build is."""

    name: str
    done: tuple[str, ...]
    left: tuple[str, ...]


def watch(process: subprocess.Popen[bytes], step: Step) -> int:
    """Report until the process ends; return its exit code."""
    moving = sys.stderr.isatty()
    began = time.monotonic()
    say(line(step, 0.0))
    while True:
        try:
            code = process.wait(timeout=1.0 if moving else LINE_EVERY_S)
        except subprocess.TimeoutExpired:
            text = line(step, time.monotonic() - began)
            if moving:
                print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            else:
                say(text)
            continue
        took = f"{step.name}: {time.monotonic() - began:.0f} s"
        say(f"\r\x1b[K{took}" if moving else took)
        return code


def line(step: Step, elapsed_s: float) -> str:
    """Return the sentence on where the build is."""
    number, total = len(step.done) + 1, len(step.done) + len(step.left)
    left = remaining_s(step, elapsed_s, os.cpu_count() or 2)
    estimate = f"at most about {left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left"
    return f"[{number}/{total}] {step.name}: {elapsed_s:.0f} s; {estimate} if nothing is cached"


def remaining_s(step: Step, elapsed_s: float, cores: int) -> float:
    """Estimate from the cold figures; compiling scales with cores up to about eight."""
    scale = 2 / min(max(cores, 1), 8)
    now, *later = step.left
    return max(COLD_S[now] * scale - elapsed_s, 0.0) + sum(COLD_S[name] for name in later) * scale


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children if we leave before they did."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
