"""The operator as a process of its own, as it runs in a pod."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.forked import Forked, new_log

READY_WITHIN_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OperatorProcess:
    """`vipa operator` with the operator's own account.

    `identity`: as tests run one at a time, and know that the former one is dead, nobody waits for
    its Lease to run out. Those that run several say who is who.
    """

    def __init__(
        self,
        kubeconfig: str,
        *flags: str,
        identity: str = "tests",
        env: dict[str, str] | None = None,
    ) -> None:
        self.kubeconfig = kubeconfig
        self.identity = identity
        self.env = env
        self.flags = flags or (
            "--allowed-cidr",
            "198.51.100.0/24",
            "--allowed-cidr",
            "2001:db8::/32",
        )
        self.port = free_port()
        self._process: Forked | None = None
        self._log = new_log(self)

    def start(self, *, wait: bool = True) -> None:
        place = ("--host", "127.0.0.1", "--port", str(self.port))
        given = ("--kubeconfig", self.kubeconfig, *place, "--identity", self.identity)
        self._process = Forked("operator", *given, *self.flags, env=self.env, log=self._log)
        deadline = time.monotonic() + READY_WITHIN_S
        while wait and not self.ready():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(f"the operator did not become ready:\n{self.log()}")
            self._pause()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.code is None

    def ready(self) -> bool:
        try:
            self.get("/readyz")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def log(self) -> str:
        """Of all that were started here."""
        return Path(self._log).read_text(errors="replace")

    def _pause(self) -> None:
        assert self._process is not None
        with contextlib.suppress(TimeoutError):
            self._process.wait(0.05)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Tell it to end, and do not wait."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.signal(number)

    def kill(self) -> None:
        """As a node that loses power would."""
        self._end(signal.SIGKILL)

    def end(self) -> int:
        """As kubelet would; the exit code."""
        return self._end(signal.SIGTERM)

    def ended(self, within_s: float = 30) -> int:
        """The exit code of one that ends by itself."""
        assert self._process is not None
        code = self._process.wait(within_s)
        self._process = None
        return code

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.signal(number)
        code = self._process.wait(15)
        self._process = None
        return code


@contextmanager
def operating(kubeconfig: str, *flags: str) -> Iterator[OperatorProcess]:
    """An operator, ready, ended in the end if it still runs."""
    process = OperatorProcess(kubeconfig, *flags)
    process.start()
    try:
        yield process
    finally:
        if process.running:
            process.end()
