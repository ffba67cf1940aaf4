"""Choose ports that stay free while a part of a control plane is stopped."""

import random
import socket
from collections.abc import Collection

# Below the range from which kernels give ports to outgoing connections: from that range a
# client would sooner or later sit on the port of a part that is to come back. Below 30000,
# because a NodePort of some other cluster on this machine may want those.
CANDIDATES = range(18000, 30000)


def choose(count: int, *, taken: Collection[int]) -> list[int]:
    """Return distinct ports that nobody listens on and that are not promised already."""
    candidates = list(set(CANDIDATES) - set(taken))
    random.shuffle(candidates)
    free = (port for port in candidates if _is_free(port))
    return [next(free) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
