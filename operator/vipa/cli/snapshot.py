"""`vipa snapshot`: the cluster as one file, to be planned and explained anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from vipa.cli import render, source
from vipa.cli.options import Place
from vipa.k8s import names

Raw = Mapping[str, Any]

FullOption = Annotated[
    bool,
    typer.Option("--full", help="All fields. Pods carry secrets in their environment!"),
]


def snapshot(place: Place, full: FullOption = False) -> None:
    """Print the objects that decisions read as YAML: `vipa plan -f` replays them.

    Of all namespaces, because addresses are compared over all of them; with -n of one only. Objects
    are cut down to the fields that decisions read.
    """
    import asyncio  # noqa: PLC0415 - slow to import

    raws, now = asyncio.run(_observe(place))
    head = {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"annotations": {source.NOW: now}},
    }
    typer.echo(render.yaml_text({**head, "items": [*_items(raws, full=full)]}), nl=False)


async def _observe(place: Place) -> tuple[list[Raw], str]:
    from vipa.cli import cluster  # noqa: PLC0415 - slow to import

    chosen = None if place.all_namespaces else place.namespace
    async with cluster.connected(place) as client:
        raws = await cluster.everything(client, chosen, client.access.namespace)
        return raws, client.clock.now()


def _items(raws: list[Raw], *, full: bool) -> Iterator[Raw]:
    from vipa.k8s import reduce  # noqa: PLC0415 - needed here only

    order = {kind: index for index, kind in enumerate(names.KINDS)}
    for raw in sorted(raws, key=lambda one: (order[one["kind"]], *_key(one))):
        yield raw if full else reduce.reduce(raw["kind"], raw)


def _key(raw: Raw) -> tuple[str, str]:
    meta = raw["metadata"]
    return str(meta.get("namespace") or ""), str(meta["name"])
