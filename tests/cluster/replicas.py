"""Two operators, each behind a proxy of its own, and the Lease between them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.background import Background
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Api
from tests.waiting import eventually

from vipa.k8s.leases import NAMESPACE, Place

LEASE = Place(NAMESPACE).path


def lease(api: Api) -> dict[str, Any]:
    status, body = api.request("GET", LEASE)
    return dict(body.get("spec") or {}) if status == 200 else {}


class Replica:
    """One of them, and all that it has sent."""

    def __init__(self, proxy: FaultProxy, api: Api, env: dict[str, str] | None = None) -> None:
        self.proxy = proxy
        self.name = f"r-{secrets.token_hex(3)}"
        self.operator = OperatorProcess(proxy.kubeconfig, identity=self.name, env=env)
        self._api = api

    @property
    def leads(self) -> bool:
        return bool(lease(self._api).get("holderIdentity") == self.name)

    def written(self) -> list[str]:
        """The writes so far, those of the Lease aside."""
        return [line for line in self.proxy.writes() if "/leases/" not in line]

    def metric(self, name: str) -> float:
        lines = self.operator.get("/metrics").splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


class Pair:
    """`first` and `second` in the order of their starts."""

    def __init__(self, first: Replica, second: Replica) -> None:
        self.replicas = (first, second)

    @property
    def leader(self) -> Replica:
        return next(one for one in self.replicas if one.leads)

    @property
    def standby(self) -> Replica:
        leader = self.leader
        return next(one for one in self.replicas if one is not leader)

    def rest(self) -> None:
        """Both run, one leads, nothing hangs any more; also after a test that broke off."""
        for one in self.replicas:
            one.proxy.clear()
            if one.operator.running:
                one.operator.thaw()
            else:
                one.operator.start()
        eventually(lambda: [one for one in self.replicas if one.leads])
        eventually(lambda: self.leader.metric("sysplex_leader") == 1.0)


@contextmanager
def pair(
    kubeconfig: str, api: Api, background: Background, env: dict[str, str] | None = None
) -> Iterator[Pair]:
    """Two that run, ended in the end. `env`: of the second one."""
    proxies = [FaultProxy(kubeconfig), FaultProxy(kubeconfig)]
    for proxy in proxies:
        background.run(proxy.open())
    found = Pair(Replica(proxies[0], api), Replica(proxies[1], api, env))
    try:
        found.rest()
        yield found
    finally:
        for one in found.replicas:
            if one.operator.running:
                one.operator.thaw()
                one.operator.kill()
        for proxy in proxies:
            background.run(proxy.close())


def seconds_until(what: Any) -> float:
    """How long it takes until this is true, looked at as often as it can be asked."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < 30, "not within 30 s"
    return time.monotonic() - begun
