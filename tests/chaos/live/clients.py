"""The clients, outside of all pods, and how their lines get into the history."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

from tests.chaos.live.recording import History


class Clients:
    """The container outside of all pods from which targets are asked; its lines go in as they are.

    A container on the cluster's network, so that a Docker in a virtual machine serves as well. Its
    route to the addresses goes by the control plane's node, which no fault takes away: what is
    measured is the move, not how a router of the user's notices that a next hop is dead.
    """

    NAME = "sysplex-traffic"

    def __init__(self, history: History, *, image: str, network: str, program: Path) -> None:
        self._history = history
        self._image, self._network, self._program = image, network, program
        self._reader: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self.count = 0
        self.failed_at = 0.0

    def start(self, targets: dict[str, str], *, network: str, via: str) -> None:
        """`network`: of the addresses. `via`: the node that forwards."""
        subprocess.run(["docker", "rm", "--force", self.NAME], capture_output=True, check=False)
        asked = " ".join(f"{name}={address}:80" for name, address in targets.items())
        # The control is asked beside the targets and needs neither cluster nor network: when it
        # fails the machine stood still, and nobody is to blame.
        control = f"/traffic serve & exec /traffic ask {asked} control=127.0.0.1:8080"
        script = f"ip route add {network} via {via} && {control}"
        made = ["docker", "create", f"--name={self.NAME}", f"--network={self._network}"]
        # Those above are for connects of a moment, in turn; see hack/traffic/ask.go.
        made += ["--sysctl=net.ipv4.ip_local_port_range=1024 9999"]
        made += ["--cap-add=NET_ADMIN", "--entrypoint=bash", self._image, "-c", script]
        subprocess.run(made, capture_output=True, check=True)
        copied = ["docker", "cp", str(self._program), f"{self.NAME}:/traffic"]
        subprocess.run(copied, capture_output=True, check=True)
        subprocess.run(["docker", "start", self.NAME], capture_output=True, check=True)
        follow = ["docker", "logs", "--follow", self.NAME]
        self._process = subprocess.Popen(follow, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True, name="clients")
        self._reader.start()

    def stop(self) -> None:
        """Return when the last line is in."""
        subprocess.run(["docker", "kill", self.NAME], capture_output=True, check=False)
        if self._process is not None and self._reader is not None:
            self._reader.join(10)
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
        subprocess.run(["docker", "rm", "--force", self.NAME], capture_output=True, check=False)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._history.take(line)
            self.count += 1
            if '"failed"' in line and '"control"' not in line:
                self.failed_at = time.time()
