"""Where a snapshot comes from: the cluster, or files that stand for one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vipa.cli.options import Given, Place
from vipa.cli.problems import MisuseError, ProblemError
from vipa.core.cluster import Key
from vipa.core.forms import seconds
from vipa.core.inventory import Inventory, network
from vipa.core.snapshot import Allowed, Settings, Snapshot
from vipa.k8s import decode, names

if TYPE_CHECKING:
    from vipa.cli.leader import Leader, Unknown

Raw = Mapping[str, Any]

NOW = f"{names.GROUP}/now"
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Objects as they were read. `home`: the namespace of a name that says none; `shown`: the
    namespace that was asked for, None for all. `leader`: of the operator, where it was asked for;
    files have none."""

    raws: tuple[Raw, ...]
    now: str
    home: str
    shown: str | None
    leader: Leader | Unknown | None = None

    def shows(self, key: Key) -> bool:
        return self.shown in (None, key.namespace)


def read(given: Given, *, leader: bool = False) -> Source:
    """What a command looks at: the files if there are any, else the cluster."""
    if given.files:
        return from_files(given.files, given)
    return from_cluster(given, leader=leader)


def from_cluster(place: Place, *, leader: bool = False) -> Source:
    """All objects of the cluster, read side by side. Raises ProblemError."""
    import asyncio  # noqa: PLC0415 - a quarter of the start-up time, and files need none of it

    return asyncio.run(observe(place, leader=leader))


async def observe(place: Place, *, leader: bool = False) -> Source:
    from vipa.cli import cluster  # noqa: PLC0415 - slow to import
    from vipa.cli import leader as leaders  # noqa: PLC0415

    async with cluster.connected(place) as client:
        home = place.namespace or client.access.namespace
        # Also of other namespaces, as addresses are compared over all of them.
        raws = await cluster.everything(client, None, home)
        return Source(
            raws=tuple(raws),
            now=client.clock.now(),
            home=home,
            shown=None if place.all_namespaces else home,
            leader=await leaders.look(client) if leader else None,
        )


def from_files(paths: Iterable[str], place: Place) -> Source:
    """The objects of files. What a manifest leaves out and the API server gives is filled in."""
    from vipa.cli import files  # noqa: PLC0415 - yaml is not needed for the cluster

    found = files.read(paths)
    home = place.namespace or DEFAULT
    raws = [
        complete(one.raw, home, f"{one.file}:{one.line}")
        for one in found.documents
        if known(one.raw)
    ]
    if not raws:
        kinds = ", ".join(sorted(names.KINDS))
        raise MisuseError(f"{', '.join(paths)}: no object of the kinds that matter here ({kinds})")
    now = found.notes.get(NOW, "")
    if now and seconds(now) is None:
        raise MisuseError(f"annotation {NOW} is {now!r}: write a time such as 2026-01-31T12:00:00Z")
    clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    shown = None if place.all_namespaces else place.namespace
    return Source(raws=tuple(raws), now=now or clock, home=home, shown=shown)


def known(raw: Raw) -> bool:
    """Whether this is a kind that decisions read, and not another one of the same name."""
    kind = names.KINDS.get(str(raw.get("kind")))
    version = raw.get("apiVersion")
    if kind is None or not isinstance(version, str | None):
        return False
    return version in (None, kind.api_version) or (
        names.is_ours(kind.api_version) and names.is_ours(version or "")
    )


def complete(raw: Raw, home: str, place: str) -> Raw:
    """A manifest as the API server would give it back. Raises MisuseError without a name."""
    meta = raw.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        raise MisuseError(f"{place}: {raw['kind']} without metadata.name: write one")
    meta = dict(meta)
    if names.KINDS[raw["kind"]].namespaced:
        meta["namespace"] = meta.get("namespace") or home
    else:
        meta.pop("namespace", None)
    # Decisions tell objects apart by uid; a manifest has none.
    where = "/".join(str(meta.get(part) or "-") for part in ("namespace", "name"))
    meta["uid"] = meta.get("uid") or f"{raw['kind']}/{where}".lower()
    return {**raw, "metadata": meta}


def snapshot(source: Source, allowed: Iterable[Allowed] | None) -> Snapshot:
    """The objects as one value to decide on."""
    world = Inventory()
    cidrs = []
    for raw in source.raws:
        kind = raw["kind"]
        if kind == "ServiceCIDR":
            cidrs += [net for text in decode.service_cidrs(raw) if (net := network(text))]
        elif kind != "Pod" or names.SYSPLEX in _labels(raw):
            value = decode.decode(kind, raw)
            if value is not None:
                world.put(value)
    rules = tuple(allowed) if allowed else None
    settings = Settings(allowed=rules, service_cidrs=tuple(cidrs))
    return Snapshot(world=world, now=source.now, settings=settings)


def _labels(raw: Raw) -> Mapping[str, Any]:
    found = raw["metadata"].get("labels")
    return found if isinstance(found, dict) else {}


def take(given: Given, *, leader: bool = False) -> tuple[Source, Snapshot]:
    """The source and its snapshot."""
    source = read(given, leader=leader)
    return source, snapshot(source, given.allowed)


def vipa(source: Source, world: Inventory, name: str) -> Key:
    """The VIPA of this name in the namespace that is meant. Raises ProblemError if there is none.

    Files of another namespace need no -n as long as the name is unique in them.
    """
    key = Key(source.home, name)
    if key in world.vipas:
        return key
    same = sorted(one for one in world.vipas if one.name == name and source.shows(one))
    if len(same) == 1:
        return same[0]
    if same:
        spaces = ", ".join(one.namespace for one in same)
        raise ProblemError(f"there are VIPAs {name} in namespaces {spaces}: say which one with -n")
    raise ProblemError(_missing(source, world, name))


def _missing(source: Source, world: Inventory, name: str) -> str:
    here = sorted(one.name for one in world.vipas if one.namespace == source.home)
    elsewhere = sorted(one.namespace for one in world.vipas if one.name == name)
    text = f"there is no VIPA {name} in namespace {source.home}"
    if elsewhere:
        return f"{text}, but in {', '.join(elsewhere)}: give -n"
    return f"{text}; there are {', '.join(here[:12])}" if here else f"{text}, and no other either"
