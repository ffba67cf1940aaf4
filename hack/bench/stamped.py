"""The operator, a process, as `vipa operator` starts it; only that it writes down what it sees.

With `--stages` it also writes down the stages of a round, which costs some microseconds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hack.bench.stamps import Stamps

from vipa.cli import logs
from vipa.core.snapshot import parse_allowed
from vipa.k8s.client import Client
from vipa.shell import app
from vipa.shell.loop import Loop
from vipa.shell.settings import Options


class Stamped(app.Operator):
    """Stamps each pod before it hands it over."""

    def __init__(self, options: Options, stamps: Stamps) -> None:
        super().__init__(options)
        self._stamps = stamps

    def event(self, kind: str, type_: str | None, raw: dict[str, Any]) -> None:
        if kind == "Pod":
            self._stamps.mark("seen", raw)
        super().event(kind, type_, raw)


def show_stages(stamps: Stamps) -> None:
    """Stamp the start and end of each round, and each record sent and acknowledged."""
    turn, request = Loop.turn, Client.request
    nothing = {"metadata": {"name": "-"}}

    def stamped_turn(self: Loop) -> None:
        stamps.mark("round", nothing)
        turn(self)
        stamps.mark("planned", nothing)

    async def stamped_request(self: Client, method: str, path: str, *a: Any, **more: Any) -> Any:
        if method != "PUT" or "/leases/" in path:
            return await request(self, method, path, *a, **more)
        stamps.mark("sent", nothing)
        reply = await request(self, method, path, *a, **more)
        stamps.mark("reply", reply)
        return reply

    Loop.turn, Client.request = stamped_turn, stamped_request  # type: ignore[method-assign]


def main() -> None:
    kubeconfig, path, port, allowed, *rest = sys.argv[1:]
    logs.configure("text", "info")
    stamps = Stamps(Path(path))
    if "--stages" in rest:
        show_stages(stamps)
    app.Operator = lambda options: Stamped(options, stamps)  # type: ignore[misc, assignment]
    options = Options(
        allowed=(parse_allowed(allowed),), kubeconfig=kubeconfig, host="127.0.0.1", port=int(port)
    )
    app.run(options)


if __name__ == "__main__":
    main()
