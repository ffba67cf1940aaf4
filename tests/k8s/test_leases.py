"""What of a Lease is written, and what of others is left in it."""

from __future__ import annotations

import asyncio
from typing import Any

from vipa.core import election
from vipa.k8s import leases

METADATA = {
    "name": "sysplex-vipa",
    "resourceVersion": "7",
    "uid": "u",
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "sysplex-vipa"},
}


class Server:
    """Answers with what is written."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    async def request(self, method: str, path: str, body: Any, **_: Any) -> dict[str, Any]:
        self.bodies.append(body)
        return dict(body)


def written(lease: election.Lease) -> dict[str, Any]:
    state = election.State(me="a", rules=election.Rules(), lease=lease, stale=False)
    ask = election.step(state, 100.0, 0)
    assert isinstance(ask, election.Ask)
    server, said = Server(), leases.Said(4.0, "t0", "t1")
    place = leases.Place("sysplex-system")
    again = asyncio.run(leases.write(server, place, ask, said, deadline_s=1.0))  # type: ignore[arg-type]
    assert again.carried == lease.carried
    return server.bodies[0]


def test_labels_and_annotations_of_others_stay() -> None:
    lease = leases.decode({"metadata": METADATA, "spec": {}})
    body = written(lease)
    assert body["metadata"]["labels"] == METADATA["labels"]
    assert body["metadata"]["annotations"] == METADATA["annotations"]
    assert body["spec"]["holderIdentity"] == "a"


def test_lease_without_any_is_written_without() -> None:
    lease = leases.decode({"metadata": {"resourceVersion": "7", "uid": "u"}, "spec": {}})
    assert sorted(written(lease)["metadata"]) == ["name", "namespace", "resourceVersion", "uid"]
