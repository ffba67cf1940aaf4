"""What each class of fault may cost, as docs/failure-model.md publishes it."""

from __future__ import annotations

from typing import NamedTuple


class Bound(NamedTuple):
    """What a class of fault may cost, in seconds.

    `moves`: whether an address may move. `splits`: for how long others may answer for it.
    `blinds`: it takes the API server away, so that nobody can watch: what is found then is its
    doing, and not a machine's that did not keep up. `lasting`: nobody can serve before it is
    mended, however long that takes; only from then on it counts.
    """

    ownerless: float
    outage: float
    moves: bool = True
    splits: float = 0.0
    blinds: bool = False
    lasting: bool = False

    @property
    def graceful(self) -> bool:
        return self.outage == 0


# Default monitor: three probes half a second apart and 0.3 s for the last, 1.8 s; then the write,
# and up to a second until kube-proxy has followed.
SILENT = Bound(2.0, 2.5)
# The leader dies with the owner: the Lease is left alone for 4 s, looked at once a second.
LEADERLESS = Bound(7.0, 8.0)
GRACEFUL = Bound(1.0, 0.0)
NOTHING = Bound(0.0, 0.0, moves=False)
BOUNDS = {
    "container-kill": Bound(2.0, 2.0),
    "pod-delete": GRACEFUL,
    "process-hang": SILENT,
    "readiness-failure": Bound(4.0, 0.0),
    "kubelet-stop": NOTHING,
    "node-kill": SILENT,
    "node-pause": SILENT,
    "node-cut": SILENT,
    "zone-cut": LEADERLESS,
    "leader-node-kill": LEADERLESS,
    "drain": GRACEFUL,
    "rolling-update": GRACEFUL,
    "planned-move": GRACEFUL,
    "operator-kill": NOTHING,
    "leader-freeze": NOTHING,
    "api-restart": NOTHING._replace(blinds=True),
    "control-plane-kill": NOTHING._replace(blinds=True),
    # It writes all of its rules anew when it starts; the stock Service beside ours has the same.
    # A move that it had not followed yet it follows when it is back.
    "kube-proxy-restart": Bound(0.0, 0.5, moves=False, splits=6.0),
    # A selector that somebody puts on a Service sends its traffic to all pods until it is removed.
    "hand-edit": Bound(2.0, 2.5, splits=2.5),
    # All hang, kubelets say so one after the other: the address follows to the last one, is
    # nobody's as long as nobody is well, and comes home.
    "mass-failure": Bound(3.0, 4.0, lasting=True),
    # All are silent to the operator, and serve: it must not believe its probes.
    "mass-silence": NOTHING,
}
FOLLOW_S = 2.0  # until every kube-proxy has followed a record
# After these stock Kubernetes serves again before they are mended only if it is given a minute.
SLOW_STOCK = ("node-kill", "node-pause", "node-cut", "zone-cut", "leader-node-kill")
