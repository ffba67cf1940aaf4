"""Records of the floor: what the operator would write, under a name that it does not look at.

The name decides: the operator knows a record by `-owner` at its end, the admission policy also by
the annotation with the epoch. So the API server checks these as it checks those of the operator,
and the operator takes them for somebody else's slices.
"""

from __future__ import annotations

from typing import Any

from vipa.core.cluster import Key
from vipa.core.record import Move, Record, RecordPort
from vipa.k8s import names, records

NAMESPACE = "bench-floor"
SUFFIX = "-record"
FENCED_BY = 1763841600


def name_of(pod: str) -> str:
    return pod + SUFFIX


def body(pod: dict[str, Any], former: str, keeper: dict[str, Any]) -> dict[str, Any]:
    """The record with this pod as holder, as large as the operator's. `keeper`: whose it is.

    Its owner for the garbage collector cannot be a VIPA, which the operator would look after.
    """
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    record = Record(
        vipa=Key(NAMESPACE, former),
        vipa_uid=keeper["metadata"]["uid"],
        owner=meta["name"],
        owner_uid=meta["uid"],
        ip=status["podIP"],
        pod=meta["name"],
        node=spec["nodeName"],
        epoch=1,
        prefix=FENCED_BY,
        address="198.18.255.1",
        service=former,
        ports=(RecordPort("http", "TCP", 8080),),
        last_move=Move(former, meta["name"], "OwnerNotReady", "2026-01-01T00:00:00Z"),
    )
    found: dict[str, Any] = records.body(record)
    found["metadata"]["ownerReferences"][0] |= {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": keeper["metadata"]["name"],
    }
    return found


def number(found: dict[str, Any], epoch: int) -> None:
    """Write the next term of office into a body."""
    notes = found["metadata"]["annotations"]
    notes[names.EPOCH] = str(epoch)
    notes[names.FENCE] = f"{FENCED_BY}.{epoch}"
