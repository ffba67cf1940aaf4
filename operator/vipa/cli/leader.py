"""Which replica of the operator writes, as its Lease says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vipa.cli import render
from vipa.core.forms import seconds
from vipa.k8s import leases
from vipa.k8s.client import ApiError, Client

FORBIDDEN = 403
# More than any time between two renewals, and a little for clocks and ways.
LATE_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """`holder` empty: nobody at present. `since` and `renewed` as the Lease has them."""

    holder: str
    term: int
    since: str
    renewed: str
    duration: float

    def line(self, now: str) -> str:
        """One line for people; `now` is the API server's time."""
        if not self.holder:
            return f"Leader: nobody at present, last term {self.term}"
        text = f"Leader {self.holder}, term {self.term}, since {render.age(self.since, now)}"
        begun, end = seconds(self.renewed), seconds(now)
        if begun is not None and end is not None and end - begun > self.duration + LATE_S:
            text += f"; not renewed for {render.age(self.renewed, now)}: does the operator run?"
        return text

    def as_json(self) -> dict[str, Any]:
        return {"holder": self.holder, "term": self.term, "since": self.since}


@dataclass(frozen=True, slots=True)
class Unknown:
    """The Lease cannot be read; that is no reason to show nothing else."""

    why: str

    def line(self, _: str) -> str:
        return f"Leader: not known, {self.why}"

    def as_json(self) -> dict[str, Any]:
        return {"holder": None, "problem": self.why}


async def look(client: Client) -> Leader | Unknown:
    """Who leads. In whatever namespace the operator runs, where the account may look there."""
    home = leases.Place(leases.NAMESPACE)
    try:
        try:
            body = await _list(client, leases.EVERYWHERE)
        except ApiError as error:
            if error.status != FORBIDDEN:
                raise
            body = await _list(client, home.collection)
    except ApiError as error:
        return Unknown(str(error))
    found = [raw for raw in body.get("items") or () if raw["metadata"].get("name") == home.name]
    if not found:
        return Unknown(f"there is no Lease {home.name}: has the operator ever run here?")
    return _leader(min(found, key=lambda raw: bool(raw["metadata"]["namespace"] != home.namespace)))


async def _list(client: Client, collection: str) -> Mapping[str, Any]:
    query = tuple(leases.Place(leases.NAMESPACE).selector.items())
    return await client.request("GET", collection, query=query)


def _leader(raw: Mapping[str, Any]) -> Leader:
    lease, spec = leases.decode(raw), raw.get("spec") or {}
    return Leader(
        holder=lease.holder,
        term=lease.transitions,
        since=_whole(str(spec.get("acquireTime") or "")),
        renewed=_whole(lease.mark),
        duration=lease.duration,
    )


def _whole(time: str) -> str:
    """Without the microseconds."""
    head, point, _ = time.partition(".")
    return f"{head}Z" if point else time
