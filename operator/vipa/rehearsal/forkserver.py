"""Processes of the command `vipa` without its imports: one process imports, each start is a fork.

A start from nothing costs a second of a core for imports alone, and a rehearsal starts its operator
again for every list of verbs. What is forked has run nothing but imports; from there on it is
`python -m vipa ARGUMENTS`, in a process of its own that can be killed like any other.

Spoken over stdin and stdout, a line of JSON each: `{"id": I, "arguments": [...], "log": PATH}` is
answered by `{"id": I, "pid": N}` and, when that process has ended, by `{"id": I, "code": C}`. The
first line says `{"ready": true}`. When stdin ends, so does everything that was started here.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

PACKAGE = "vipa"


def serve(modules: Sequence[str]) -> None:
    """Import, then fork as asked until stdin ends."""
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # pages that no collection touches stay shared with the forks
    waker, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks us
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    running: dict[int, int] = {}
    buffer = b""
    say({"ready": True})
    while True:
        ready, _, _ = select.select([0, waker], [], [])
        if waker in ready:
            os.read(waker, 4096)
            reap(running)
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                asked = json.loads(line)
                running[start(asked)] = asked["id"]
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def reap(running: dict[int, int]) -> None:
    """Tell of processes that have ended. `running`: by pid, what they were asked for as."""
    for pid in list(running):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            say({"id": running.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def start(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        become(asked["arguments"], asked["log"])
    say({"id": asked["id"], "pid": pid})
    return pid


def become(arguments: list[str], log: str) -> NoReturn:
    """The rest of a new process's life: what `python -m vipa` does."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for target, source in ((0, nothing), (1, out), (2, out)):
            os.dup2(source, target)
        sys.argv = [PACKAGE, *arguments]
        runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a traceback in the log is all that is left of it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1:])
