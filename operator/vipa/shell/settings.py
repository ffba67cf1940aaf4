"""Options of the operator, and the kopf settings that they and our measurements ask for."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kopf

from vipa.core.election import Rules, complaint
from vipa.core.snapshot import Allowed, parse_allowed
from vipa.k8s import names
from vipa.k8s.leases import NAMESPACE, Place
from vipa.shell.elector import Election

RULES = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`allowed`: the addresses that may be claimed. `port` 0: no health and metrics endpoint.

    `namespace`: of the operator, where its Lease is. `identity`: under which this replica stands
    for election; empty: one that no other process ever has.
    """

    allowed: tuple[Allowed, ...]
    kubeconfig: str | None = None
    context: str | None = None
    host: str = "0.0.0.0"
    port: int = 8080
    namespace: str = NAMESPACE
    identity: str = ""
    rules: Rules = RULES

    def __post_init__(self) -> None:
        if (problem := complaint(self.rules)) is not None:
            raise ValueError(problem)

    @property
    def standing(self) -> Election:
        """For a whole process: asked twice it may be another identity."""
        unique = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        place = Place(self.namespace)
        return Election(identity=self.identity or unique, place=place, rules=self.rules)


def from_environment(env: Mapping[str, str] = os.environ) -> Options:
    """Options under `kopf run`, which has no flags of ours. Raises ValueError."""
    text = env.get("VIPA_ALLOWED_CIDRS", "")
    allowed = tuple(parse_allowed(part) for part in text.split())
    if not allowed:
        raise ValueError("set VIPA_ALLOWED_CIDRS, for example to '198.51.100.0/24'")
    return Options(
        allowed=allowed,
        host=env.get("VIPA_HTTP_HOST", "0.0.0.0"),
        port=int(env.get("VIPA_HTTP_PORT", "8080")),
        namespace=env.get("POD_NAMESPACE", NAMESPACE),
    )


class Backoffs:
    """Endless pauses with jitter. A tuple runs out, and then a 5xx ends the operator."""

    def __iter__(self) -> Iterator[float]:
        while True:
            yield random.uniform(0.2, 0.3)


class NoDiffBase(kopf.DiffBaseStorage):
    """kopf builds and compares an essence of every object; we have no handler that reads it."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> Any:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        return None


class NoProgress(kopf.ProgressStorage):
    """Event handlers keep no progress."""

    def fetch(self, *, key: Any, body: Any) -> Any:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        return None

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        return None

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


def apply(settings: kopf.OperatorSettings) -> None:
    """What was measured to matter at scale and in outages; each line has its reason."""
    settings.peering.standalone = True  # a stray peering object would pause us in silence
    settings.posting.enabled = False  # our own events say what happened
    settings.scanning.disabled = True  # the CRDs are there before we start
    settings.queueing.idle_timeout = 0.2  # idle workers hold raw bodies
    settings.queueing.exit_timeout = 0.5
    settings.queueing.error_delays = (0.1, 0.5, 1, 2, 5)
    settings.watching.chunk_size = 500  # memory and stalls of a list
    settings.watching.inactivity_timeout = 15  # the longest blindness on a half-open connection
    settings.watching.reconnect_backoff = 0.1
    settings.watching.label_selectors["pods"] = names.SYSPLEX  # selected by the server
    settings.networking.connect_timeout = 3
    settings.networking.request_timeout = 10
    settings.networking.error_backoffs = Backoffs()
    settings.persistence.finalizer = f"{names.GROUP}/unused"
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.process.ultimate_exiting_timeout = 20
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
