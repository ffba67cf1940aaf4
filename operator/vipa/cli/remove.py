"""`vipa remove-everything`: what `helm uninstall` runs before the operator goes, if it is told to.

Only what people wrote is deleted here. Services, records and annotations are taken down by the
operator, which knows how; here they are only waited for. Hidden, as nobody wants to find it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vipa.cli import problems
from vipa.cli.options import Place
from vipa.cli.problems import MisuseError, ProblemError
from vipa.core.forms import nanoseconds

if TYPE_CHECKING:
    from vipa.k8s.client import Client

YesOption = Annotated[bool, typer.Option("--yes", help="All of it, in all namespaces.")]
LOOK_EVERY_S = 0.5
SHOWN = 5


def _seconds(text: str) -> float:
    found = nanoseconds(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: write a duration such as 120s or 2m")
    return found / 1e9


TimeoutOption = Annotated[
    float, typer.Option("--timeout", parser=_seconds, metavar="DURATION", help="How long to wait.")
]


def remove_everything(
    place: Place,
    yes: YesOption = False,
    timeout: TimeoutOption = "2m",  # type: ignore[assignment]  # parsed
) -> None:
    """Delete all VIPAs, rankings, Sysplexes and Stacks, and wait until all they made is gone."""
    import asyncio  # noqa: PLC0415 - slow to import

    if not yes:
        raise MisuseError("this takes every address of the cluster down: say --yes if you mean it")
    asyncio.run(_remove(place, timeout))


async def _remove(place: Place, within_s: float) -> None:
    import asyncio  # noqa: PLC0415

    from vipa.cli import cluster  # noqa: PLC0415

    async with cluster.connected(place) as client:
        left: list[str] = []
        try:
            async with asyncio.timeout(within_s):
                # VIPAs first: with their Sysplex alive they end in the usual way.
                for kinds in (("VIPA",), ("VIPABackup", "Sysplex"), ("Stack",)):
                    while left := await _going(client, kinds):  # noqa: ASYNC110 - asked for
                        await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
            raise ProblemError(
                f"after {within_s:g} s there still are {', '.join(left[:SHOWN])}{more}; "
                "does an operator run? It takes down what it made"
            ) from None
    problems.tell("all VIPAs, rankings, Sysplexes and Stacks are gone, and all that they made")


async def _going(client: Client, kinds: Iterable[str]) -> list[str]:
    """Delete what there is of these kinds; what there was of them or is left of VIPAs."""
    from vipa.k8s import names  # noqa: PLC0415
    from vipa.k8s.client import ApiError  # noqa: PLC0415

    found = []
    for kind in kinds:
        async for raw in _all(client, kind):
            metadata = raw["metadata"]
            found.append(f"{kind} {metadata['namespace']}/{metadata['name']}")
            if "deletionTimestamp" in metadata:
                continue
            path = names.path(kind, metadata["namespace"], metadata["name"])
            try:
                await client.request("DELETE", path)
            except ApiError as error:
                if error.status != 404:
                    raise
    return found + [one async for one in _made(client)]


async def _made(client: Client) -> AsyncIterator[str]:
    """What the operator made for VIPAs and has not taken down yet."""
    from vipa.k8s import names  # noqa: PLC0415

    ours = f"{names.MANAGED_BY}={names.MANAGED_BY_VALUE}"
    for kind, selector in (("Service", names.VIPA), ("EndpointSlice", ours), ("Pod", "")):
        async for raw in _all(client, kind, selector):
            metadata = raw["metadata"]
            if kind == "Pod" and names.VIPAS not in (metadata.get("annotations") or {}):
                continue
            yield f"{kind} {metadata['namespace']}/{metadata['name']}"


async def _all(client: Client, kind: str, selector: str = "") -> AsyncIterator[Any]:
    from vipa.k8s.client import ApiError  # noqa: PLC0415
    from vipa.k8s.listing import pages  # noqa: PLC0415

    try:
        async for page in pages(client, kind, selector=selector, metadata_only=True):
            for raw in page.items:
                yield raw
    except ApiError as error:
        if error.status != 404:  # a kind that is not served has nothing
            raise
