"""Every kopf registration. A handler hands the event over and returns: no decision, no await."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import kopf

from vipa.k8s import names
from vipa.shell import settings as kopf_settings

# What is watched: one stream a kind, over all namespaces.
WATCHED = (
    (names.GROUP, names.VERSION, "sysplexes", "Sysplex"),
    (names.GROUP, names.VERSION, "stacks", "Stack"),
    (names.GROUP, names.VERSION, "vipas", "VIPA"),
    (names.GROUP, names.VERSION, "vipabackups", "VIPABackup"),
    ("", "v1", "pods", "Pod"),
    ("", "v1", "nodes", "Node"),
    ("", "v1", "services", "Service"),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
)


class Receiver(Protocol):
    """What the handlers feed."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def session(self) -> kopf.AiohttpSession: ...
    def event(self, kind: str, type_: str | None, raw: dict[str, Any]) -> None: ...


def register(registry: kopf.OperatorRegistry, receiver: Receiver) -> None:
    """Register everything on this registry; nothing happens at import."""

    @kopf.on.startup(registry=registry)
    async def startup(settings: kopf.OperatorSettings, **_: Any) -> None:
        kopf_settings.apply(settings)
        await receiver.start()

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        await receiver.stop()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return receiver.session()

    for group, version, plural, kind in WATCHED:
        handler = watcher(receiver, kind)
        kopf.on.event(group, version, plural, registry=registry, id=kind)(handler)


def watcher(receiver: Receiver, kind: str) -> Callable[..., Awaitable[None]]:
    """The handler of one kind. Returns None: kopf writes anything else into the object's status."""

    async def observed(event: kopf.RawEvent, **_: Any) -> None:
        receiver.event(kind, event["type"], event["object"])  # type: ignore[arg-type]

    return observed
