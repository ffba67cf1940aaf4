"""Breaking and mending the nodes of a kind cluster, and the processes in their pods.

All of it goes through Docker, not through the API server: a fault must come about although the
cluster cannot see it, and must be mended although nothing in the cluster works.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence

Run = Callable[[Sequence[str]], str]

# Frames of the node's own interface are dropped on their way in and out, as by a pulled cable: the
# pods of the node go on talking to it and to each other, and connections that are open live on.
CUT = (
    "add table inet cut; "
    "add chain inet cut in { type filter hook prerouting priority -400; }; "
    "add chain inet cut out { type filter hook postrouting priority 400; }; "
    'add rule inet cut in iifname "eth*" drop; '
    'add rule inet cut out oifname "eth*" drop'
)
CRI = ("ctr", "--namespace=k8s.io")
TIMEOUT_S = 60.0


class NodeError(Exception):
    """Docker, or a program in the node, refused; the message says which and why."""


def docker(arguments: Sequence[str]) -> str:
    """Run docker as the environment has it. Raises NodeError."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeError(f"docker {' '.join(arguments[:3])}: {error}") from error
    if done.returncode:
        raise NodeError(f"docker {' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout.strip()


class Nodes:
    """The containers that are nodes. `run`: how docker is started; tests bring their own."""

    def __init__(self, run: Run = docker) -> None:
        self._run = run

    def inside(self, node: str, *command: str) -> str:
        """Run a program in a node; what it printed."""
        return self._run(["exec", node, *command])

    def kill(self, node: str) -> None:
        """As by the power switch: nothing is told to anybody."""
        self._run(["kill", node])

    def start(self, node: str) -> None:
        self._run(["start", node])

    def pause(self, node: str) -> None:
        """All of its processes stand still; its kernel, which is the machine's, forwards on."""
        self._run(["pause", node])

    def unpause(self, node: str) -> None:
        self._run(["unpause", node])

    def cut(self, node: str) -> None:
        self.inside(node, "nft", CUT)

    def heal(self, node: str) -> None:
        self.inside(node, "nft", "delete table inet cut")

    def service(self, node: str, verb: str, name: str = "kubelet") -> None:
        """`verb`: stop, start or restart, as systemctl has it."""
        self.inside(node, "systemctl", verb, name)

    def state(self, node: str) -> str:
        """running, paused or exited."""
        return self._run(["inspect", "--format={{.State.Status}}", node])

    def signal(self, node: str, containers: Sequence[str], name: str) -> None:
        """Send a signal to the first process of each of these containers."""
        for one in containers:
            self.inside(node, *CRI, "task", "kill", f"--signal={name}", one)

    def containers(self, node: str, pod_uid: str) -> list[str]:
        """The running containers of a pod, without the one that holds its namespaces."""
        label = f'labels."io.kubernetes.pod.uid"=={pod_uid}'
        kind = 'labels."io.cri-containerd.kind"==container'
        known = self.inside(node, *CRI, "containers", "ls", "--quiet", f"{label},{kind}").split()
        running = self.inside(node, *CRI, "task", "ls").splitlines()
        return [one for one in known if any(one in line and "RUN" in line for line in running)]

    def address(self, node: str) -> str:
        """Its address in the network of the cluster."""
        shown = self._run(["inspect", "--format={{json .NetworkSettings.Networks}}", node])
        return next(str(one["IPAddress"]) for one in json.loads(shown).values())
