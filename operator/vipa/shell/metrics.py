"""Numbers for Prometheus. What is held about VIPAs is read from the store at a scrape."""

from __future__ import annotations

import time
from collections import Counter as Count
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vipa.core import actions as act
from vipa.core.cluster import Key
from vipa.core.record import Move
from vipa.k8s.client import ApiError
from vipa.shell.elector import Mandate
from vipa.shell.store import Store

TAKEOVER_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DETECTION_BUCKETS = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 120)
ROUND_BUCKETS = (0.0002, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)


class Metrics:
    """Counters of the loop, in a registry of their own: two operators in a process stay apart."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._moves = Counter(
            "sysplex_takeovers",
            "Changes of holder.",
            ["namespace", "vipa", "reason"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sysplex_takeover_seconds",
            "From the change seen to the record committed.",
            buckets=TAKEOVER_BUCKETS,
            registry=self.registry,
        )
        self._detection = Histogram(
            "sysplex_failover_detection_seconds",
            "From the start of the first unanswered probe to the silence believed.",
            buckets=DETECTION_BUCKETS,
            registry=self.registry,
        )
        self._round = Histogram(
            "sysplex_round_seconds",
            "Time to plan one round.",
            buckets=ROUND_BUCKETS,
            registry=self.registry,
        )
        self._actions = Counter(
            "sysplex_actions", "Writes.", ["kind", "outcome"], registry=self.registry
        )
        self._shadowed = Counter(
            "sysplex_shadow_actions",
            "Record writes that a standby planned and left to the leader.",
            registry=self.registry,
        )
        self.loop_lag = Histogram(
            "sysplex_loop_lag_seconds", "Delay of a timer.", registry=self.registry
        )

    def move(self, vipa: Key, move: Move, seconds: float) -> None:
        self._moves.labels(*vipa, move.reason).inc()
        self._seconds.observe(seconds)

    def detected(self, seconds: float) -> None:
        self._detection.observe(seconds)

    def round(self, seconds: float) -> None:
        self._round.observe(seconds)

    def shadowed(self) -> None:
        self._shadowed.inc()

    def action(self, action: act.Action, error: ApiError | None) -> None:
        outcome = "ok" if error is None else str(error.status or "unreachable")
        self._actions.labels(action.kind, outcome).inc()


class ElectionCollector(Collector):
    """Whether this replica leads, and how often the leader has changed."""

    def __init__(self, mandate: Callable[[], Mandate], terms: Callable[[], int]) -> None:
        self._mandate = mandate
        self._terms = terms

    def collect(self) -> Iterator[Metric]:
        leads = self._mandate().until > time.monotonic()
        yield GaugeMetricFamily("sysplex_leader", "1: this replica writes.", float(leads))
        yield CounterMetricFamily(
            "sysplex_leader_transitions",
            "Terms of the Lease so far, of all replicas.",
            self._terms(),
        )


class StoreCollector(Collector):
    """What is held about VIPAs and stacks, at the moment of the scrape."""

    def __init__(
        self, store: Store, last_event_s: dict[str, float], now: Callable[[], float]
    ) -> None:
        self._store = store
        self._last_event_s = last_event_s
        self._now = now

    def collect(self) -> Iterator[Metric]:
        labels = ["namespace", "vipa"]
        owner = GaugeMetricFamily("sysplex_vipa_owner", "1: owns.", labels=[*labels, "stack"])
        epoch = GaugeMetricFamily("sysplex_vipa_epoch", "Term of office.", labels=labels)
        safe = GaugeMetricFamily("sysplex_vipa_protected", "1: a backup stands by.", labels=labels)
        for key, record in self._store.world.records.items():
            if record.owner:
                owner.add_metric([*key, record.owner], 1)
            epoch.add_metric(list(key), record.epoch)
        for key, vipa in self._store.world.vipas.items():
            held = any(c.type == "Protected" and c.status == "True" for c in vipa.status.conditions)
            safe.add_metric(list(key), float(held))
        yield from (owner, epoch, safe, self._phases(), self._held(), self._watches())

    def _phases(self) -> Metric:
        family = GaugeMetricFamily(
            "sysplex_stacks", "Stacks by phase.", labels=["namespace", "sysplex", "phase"]
        )
        count = Count(
            (key.namespace, judged.sysplex, str(judged.phase))
            for key, judged in self._store.memory.verdicts.items()
        )
        for labels, number in sorted(count.items()):
            family.add_metric(list(labels), number)
        return family

    def _held(self) -> Metric:
        family = GaugeMetricFamily(
            "sysplex_held",
            "Stacks whose silence is not believed or moves nothing.",
            labels=["namespace", "sysplex", "reason"],
        )
        for plex, found in sorted(self._store.memory.holding.items()):
            family.add_metric([*plex, found.reason], len(found.stacks))
        return family

    def _watches(self) -> Metric:
        family = GaugeMetricFamily(
            "sysplex_watch_last_event_seconds", "Since a kind was last heard of.", labels=["kind"]
        )
        for kind, at in self._last_event_s.items():
            family.add_metric([kind], self._now() - at)
        return family
