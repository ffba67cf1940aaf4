"""The separate watcher, a process: says when it saw which state of a slice or VIPA.

A line is `MOMENT SORT NAMESPACE/NAME EPOCH OWNER`. A stock slice goes by the name of its Service,
and its owner is the word for whether its first endpoint is ready.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop
from hack.bench import watching

from vipa.k8s import names


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watch(*sys.argv[1:]))


async def watch(kubeconfig: str) -> None:
    api = await watching.connect(kubeconfig)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(tell(api, "EndpointSlice", slice_line))
            group.create_task(tell(api, "VIPA", vipa_line))
    finally:
        await api.session.close()


async def tell(api: watching.Api, kind: str, line: Any) -> None:
    async for at, type_, raw in api.follow(names.path(kind)):
        if type_ == "SYNCED":
            text = f"synced {kind} - -"
        elif type_ in ("LISTED", "ADDED", "MODIFIED"):
            text = line(raw)
        else:
            continue
        sys.stdout.write(f"{at:.7f} {text}\n")
        sys.stdout.flush()


def slice_line(raw: dict[str, Any]) -> str:
    meta = raw["metadata"]
    notes, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    if epoch := notes.get(names.EPOCH):
        return f"record {meta['namespace']}/{meta['name']} {epoch} {notes.get(names.OWNER) or '-'}"
    first: dict[str, Any] = next(iter(raw.get("endpoints") or ()), {})
    ready = (first.get("conditions") or {}).get("ready")
    return f"stock {meta['namespace']}/{labels.get(names.SERVICE_NAME, '-')} 0 {ready}"


def vipa_line(raw: dict[str, Any]) -> str:
    meta, status = raw["metadata"], raw.get("status") or {}
    owner = (status.get("owner") or {}).get("stack") or "-"
    return f"vipa {meta['namespace']}/{meta['name']} {status.get('epoch', 0)} {owner}"


if __name__ == "__main__":
    main()
