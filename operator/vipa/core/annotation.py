"""The annotation `sysplex.dev/vipas`: what a pod is told about the addresses that end on it.

Information, not a lock. It is always made from records as acknowledged by the API server, so its
epoch is never above the record's (I6).
"""

from __future__ import annotations

import json
from typing import NamedTuple

from vipa.core.cluster import Pod
from vipa.core.inventory import NOTHING, Inventory
from vipa.core.record import DIGITS


class Entry(NamedTuple):
    vipa: str
    address: str
    status: str
    distribution: str
    epoch: int


def entries_of(text: str) -> list[Entry]:
    """The entries that an annotation shows; what somebody else wrote into it is passed over."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found = []
    for item in raw if isinstance(raw, list) else []:
        epoch = item.get("epoch") if isinstance(item, dict) else None
        if isinstance(epoch, int) and not isinstance(epoch, bool) and 0 <= epoch < 10**DIGITS:
            vipa, address, status, distribution = (str(item.get(f, "")) for f in Entry._fields[:4])
            found.append(Entry(vipa, address, status, distribution, epoch))
    return found


def wanted(world: Inventory, pod: Pod) -> str | None:
    """The annotation that the pod shall carry: sorted by name, None for nothing to say."""
    entries = []
    for key in sorted(world.records_by_pod.get(pod.uid, NOTHING)):
        record, vipa = world.records[key], world.vipas.get(key)
        if vipa is not None and vipa.uid == record.vipa_uid and key.namespace == pod.key.namespace:
            entry = Entry(key.name, record.address, "ACTIVE", "", record.epoch)
            entries.append(entry._asdict())
    return json.dumps(entries, separators=(",", ":")) if entries else None
