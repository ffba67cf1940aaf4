"""The sysplex behind the proxy, and how a takeover ends without any fault."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.background import Background
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.faults.theatre import Theatre
from tests.cluster.plane import Api, Plane
from tests.cluster.world import staged
from tests.waiting import eventually

from vipa.k8s.client import Client


@pytest.fixture(scope="module")
def theatre(
    api: Api, controlplane: Plane, background: Background, stage_client: Client
) -> Iterator[Theatre]:
    proxy = FaultProxy(controlplane.operator_kubeconfig)
    background.run(proxy.open())
    with staged(api, background, stage_client, "faults") as world:
        found = Theatre(world, proxy, world.history())
        try:
            world.plex("sysa", "sysb")
            world.vipa()
            found.rest()
            yield found
        finally:
            found.operator.kill()
            background.run(proxy.close())


@pytest.fixture(autouse=True)
def log(theatre: Theatre) -> Iterator[None]:
    """Shown by pytest with a test that fails."""
    yield
    sys.stderr.write(theatre.operator.log()[-6000:])


@pytest.fixture(scope="module")
def reference(theatre: Theatre) -> dict[str, Any]:
    """The end of a takeover without any fault."""
    theatre.rest()
    theatre.fail_owner()
    eventually(lambda: theatre.world.owner() == ("sysb", theatre.base + 1))
    theatre.world.quiet()
    return theatre.end()
