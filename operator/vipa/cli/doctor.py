"""`vipa doctor`: whether an installation works, by what the operators themselves need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from vipa.cli import problems
from vipa.cli.options import Place
from vipa.cli.problems import ProblemError

if TYPE_CHECKING:
    from vipa.core.election import Lease
    from vipa.k8s import leases
    from vipa.k8s.client import Client

NamespaceOption = Annotated[
    str, typer.Option("--lease-namespace", envvar="POD_NAMESPACE", help="Where the Lease is.")
]
DEFAULT_S = 15.0
LOOK_EVERY_S = 0.2


def doctor(place: Place, lease_namespace: NamespaceOption = "sysplex-system") -> None:
    """Check the installation: are our kinds served, does an operator lead and renew its Lease?

    Read only. Exit code 1 if something is wrong; `vipa status` then speaks of the VIPAs.
    """
    import asyncio  # noqa: PLC0415 - slow to import

    asyncio.run(_doctor(place, lease_namespace))


async def _doctor(place: Place, namespace: str) -> None:
    from vipa.cli import cluster  # noqa: PLC0415
    from vipa.k8s.client import ApiError  # noqa: PLC0415

    wrong = 0
    async with cluster.connected(place) as client:
        for check in (_kinds, _leader):
            try:
                async for line in check(client, namespace):
                    problems.tell(f"ok       {line}")
            except ApiError as error:
                problems.tell(f"problem  {cluster.told(error, client.access.server)}")
                wrong += 1
            except ProblemError as error:
                problems.tell(f"problem  {error}")
                wrong += 1
    if wrong:
        raise ProblemError(f"{wrong} of 2 checks found a problem")


async def _kinds(client: Client, _: str) -> AsyncIterator[str]:
    """An object of each kind is asked for, as the operators do."""
    from vipa.cli.cluster import OURS  # noqa: PLC0415
    from vipa.k8s import names  # noqa: PLC0415

    for kind in OURS:
        await client.request("GET", names.path(kind), query=(("limit", "1"),))
    yield f"{', '.join(OURS)} are served by {client.access.server}"


async def _leader(client: Client, namespace: str) -> AsyncIterator[str]:
    """The Lease has a holder, and is renewed while we look."""
    import asyncio  # noqa: PLC0415

    from vipa.k8s import leases  # noqa: PLC0415

    place = leases.Place(namespace)
    first = await _held(client, place)
    yield f"Lease {namespace}/{place.name}: {first.holder} leads, term {first.transitions}"
    patience = first.duration or DEFAULT_S
    try:
        async with asyncio.timeout(patience):
            while (await _held(client, place)).mark == first.mark:  # noqa: ASYNC110 - asked for
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise ProblemError(
            f"Lease {namespace}/{place.name}: not renewed for {patience:g} s; do operators run?"
        ) from None
    yield f"Lease {namespace}/{place.name}: is renewed"


async def _held(client: Client, place: leases.Place) -> Lease:
    from vipa.k8s import leases  # noqa: PLC0415

    found = leases.decode(await client.request("GET", place.path))
    if not found.holder:
        raise ProblemError(f"Lease {place.namespace}/{place.name}: nobody leads; do operators run?")
    return found
