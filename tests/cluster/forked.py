"""The command `vipa` as a process of its own, without the second of a core that its imports cost.

A fork server of the standard library imports once; what is forked has run nothing but imports, has
the environment and the log that it is told, and can be signalled like any other process.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(
    [__name__, "vipa.cli.main", "vipa.shell.app", "kubernetes.aio.client", "kubernetes.aio.config"]
)


def become(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    """The rest of the new process's life: `python -m vipa ARGUMENTS`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(CLONE)
    os.environ.clear()
    os.environ.update(environment)
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.argv = ["vipa", *arguments]
    runpy.run_module("vipa", run_name="__main__", alter_sys=True)


class Forked:
    """`vipa ARGUMENTS`, running from now on. `env`: beside our own environment.

    What it prints is appended to `log`, or to a file of its own.
    """

    def __init__(
        self, *arguments: str, env: Mapping[str, str] | None = None, log: str | None = None
    ) -> None:
        self._log = log or new_log(self)
        self._process: BaseProcess = _server.Process(
            target=become,
            args=(arguments, {**os.environ, **(env or {})}, self._log),
            daemon=True,  # none outlives the tests
        )
        self._process.start()

    @property
    def code(self) -> int | None:
        """None while it runs; minus the signal's number if one ended it."""
        return self._process.exitcode

    def wait(self, within_s: float) -> int:
        """Its exit code. Raises TimeoutError."""
        self._process.join(within_s)
        if self.code is None:
            raise TimeoutError(f"still running after {within_s} s:\n{self.log()}")
        return self.code

    def signal(self, number: int) -> None:
        """To one that has ended: nothing."""
        if self.code is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def log(self) -> str:
        return Path(self._log).read_text(errors="replace")


def new_log(owner: object) -> str:
    """A file that goes with its owner."""
    handle, path = tempfile.mkstemp(prefix="vipa-test-", suffix=".log")
    os.close(handle)
    weakref.finalize(owner, os.unlink, path)
    return path
