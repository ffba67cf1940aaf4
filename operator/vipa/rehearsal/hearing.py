"""Who answers the monitor in a cluster without kubelets, and who was heard when."""

from __future__ import annotations

from dataclasses import replace

from vipa.rehearsal.clusterworld import ClusterWorld
from vipa.rehearsal.observation import Observation
from vipa.rehearsal.standin import Standin


class Hearing:
    """One run's pods, for the stand-in that answers for them."""

    def __init__(self, seen: ClusterWorld, standin: Standin) -> None:
        self._seen = seen
        self._standin = standin
        self._deaf: set[str] = set()
        self._down: set[str] = set()
        standin.answers = self.answers
        standin.heard.clear()
        standin.unheard.clear()

    def pod(self, uid: str, *, hears: bool) -> None:
        if hears:
            self._deaf.discard(uid)
        else:
            self._deaf.add(uid)

    def node(self, name: str, *, alive: bool) -> None:
        if alive:
            self._down.discard(name)
        else:
            self._down.add(name)

    def answers(self, ip: str) -> bool:
        """Whether there is a pod at this address that hears, on a node that is alive."""
        for pod in self._seen.world.pods.values():
            if ip in pod.ips:
                return pod.uid not in self._deaf and pod.node not in self._down
        return False

    def told(self, seen: Observation) -> Observation:
        """The observation with what was heard of its pods."""
        pods = [(pod.uid, ip) for pod in seen.world.pods.values() for ip in pod.ips[:1]]
        heard, unheard = self._standin.heard, self._standin.unheard
        return replace(
            seen,
            heard={uid: heard[ip] for uid, ip in pods if ip in heard},
            unheard={uid: unheard[ip] for uid, ip in pods if ip in unheard},
        )
