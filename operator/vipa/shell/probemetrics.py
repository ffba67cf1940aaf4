"""Numbers about probes, for Prometheus.

By Sysplex and not by stack: a histogram for each of 5,000 stacks would be 80,000 series that nobody
looks at one by one. Which stack is silent, since when and with what error is in Stack.status.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vipa.core.cluster import Key

# From a connection in the rack to the longest timeout that people write; 0.3 is the default.
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 10)
GROUP = ["namespace", "sysplex"]


class Counted(StrEnum):
    """UNCOUNTED: late, without sight, of a pod that is gone, or at an address of another pod."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    UNCOUNTED = "uncounted"


class ProbeMetrics:
    """Filled by the prober. A Sysplex that is asked no more leaves nothing behind."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        in_flight: Callable[[], float],
        blind: Callable[[], float],
    ) -> None:
        self._seconds = Histogram(
            "sysplex_probe_seconds",
            "Time of a probe, by what became of it.",
            [*GROUP, "outcome"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._late = Counter(
            "sysplex_probes_late",
            "Probes that started late or met a stuck event loop: what they miss does not count.",
            GROUP,
            registry=registry,
        )
        flying = Gauge("sysplex_probes_in_flight", "Probes under way.", registry=registry)
        flying.set_function(in_flight)
        dark = Gauge(
            "sysplex_blind",
            "1: no answer from the API server for 10 s; what probes say does not count.",
            registry=registry,
        )
        dark.set_function(blind)
        # Looking up a child costs as much as all the rest of an observation.
        self._children: dict[Key, dict[str, Histogram]] = {}

    def probe(self, plex: Key, counted: Counted, seconds: float, *, late: bool) -> None:
        children = self._children.get(plex)
        if children is None:
            children = self._children[plex] = {
                one.value: self._seconds.labels(*plex, one) for one in Counted
            }
        children[counted.value].observe(seconds)
        if late:
            self._late.labels(*plex).inc()

    def forget(self, plex: Key) -> None:
        if self._children.pop(plex, None) is not None:
            for counted in Counted:
                self._seconds.remove(*plex, counted)
        self._late.remove(*plex)
