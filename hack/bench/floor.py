"""The floor, a process: a bare watch-and-PUT loop. Knows beforehand what it will write.

Same language, same event loop, same JSON, same account, same object, same policy. No kopf, no
decision, nothing to tell anybody afterwards.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from hack.bench import records, watching
from hack.bench.stamps import Stamps

from vipa.k8s import names

LABEL = "bench"
PRIMARY = "floor-primary"


@dataclass(slots=True)
class Prepared:
    """The two states of one record; `bodies` by whether its pod is ready."""

    path: str
    bodies: dict[bool, dict[str, Any]]
    epoch: int
    version: str
    ready: bool


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))


async def serve(kubeconfig: str, stamps: str) -> None:
    api = await watching.connect(kubeconfig)
    try:
        ready = await prepare(api)
        await loop(api, ready, Stamps(Path(stamps)))
    finally:
        await api.session.close()


async def prepare(api: watching.Api) -> dict[str, Prepared]:
    """From pods and records as they are; the holder of a pod that is not ready is the backup."""
    pods = await items(api, names.path("Pod", records.NAMESPACE))
    slices = await items(api, names.path("EndpointSlice", records.NAMESPACE))
    backup = next(pod for pod in pods.values() if pod["metadata"]["labels"].get(LABEL) != PRIMARY)
    found = {}
    for name, pod in pods.items():
        if pod is backup:
            continue
        now = slices[records.name_of(name)]["metadata"]
        keeper = {"metadata": now["ownerReferences"][0]}
        here, there = backup["metadata"]["name"], name
        bodies = {True: records.body(pod, here, keeper), False: records.body(backup, there, keeper)}
        for one in bodies.values():
            one["metadata"] |= {"name": now["name"], "uid": now["uid"], "labels": now["labels"]}
        found[name] = Prepared(
            path=names.path("EndpointSlice", records.NAMESPACE, now["name"]),
            bodies=bodies,
            epoch=int(now["annotations"][names.EPOCH]),
            version=now["resourceVersion"],
            ready=is_ready(pod),
        )
    return found


async def items(api: watching.Api, path: str) -> dict[str, dict[str, Any]]:
    found = {}
    async for seen in api.follow(path):
        if seen.type == "SYNCED":
            break
        found[seen.raw["metadata"]["name"]] = seen.raw
    return found


def is_ready(pod: dict[str, Any]) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"]
    )


async def loop(api: watching.Api, known: dict[str, Prepared], stamps: Stamps) -> None:
    async for _, type_, pod in api.follow(names.path("Pod"), labelSelector=f"{LABEL}={PRIMARY}"):
        if type_ != "MODIFIED":
            continue
        stamps.mark("seen", pod)
        mine = known[pod["metadata"]["name"]]
        ready = is_ready(pod)
        if ready == mine.ready:
            continue
        body = mine.bodies[ready]
        records.number(body, mine.epoch + 1)
        body["metadata"]["resourceVersion"] = mine.version
        stamps.mark("sent", body)
        reply = await api.put(mine.path, body)
        stamps.mark("reply", reply)
        mine.ready, mine.epoch = ready, mine.epoch + 1
        mine.version = reply["metadata"]["resourceVersion"]


if __name__ == "__main__":
    main()
