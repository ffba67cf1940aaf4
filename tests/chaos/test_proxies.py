"""A fault that took the API server away is over when every kube-proxy hears of changes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from tests.chaos.live import proxies
from tests.chaos.live.world import CONTROL_PLANE, HOMES, World

NODES = (CONTROL_PLANE, *HOMES.values())


class Cluster:
    """`looks`: how often a node is asked after the change until its kube-proxy has counted it."""

    def __init__(self, looks: dict[str, int]) -> None:
        self._looks = looks
        self.asked = dict.fromkeys(NODES, 0)
        self.changed = False
        self.nodes = self

    def inside(self, node: str, *_: str) -> str:
        self.asked[node] += self.changed
        heard = self.changed and self.asked[node] >= self._looks.get(node, 1)
        return f"# TYPE {proxies.CHANGES} counter\n{proxies.CHANGES} {41 + heard}\nother 9"

    def kubectl(self, *arguments: str) -> None:
        assert proxies.CANARY in arguments
        self.changed = True

    def until(self, true: Callable[[], bool], what: str, within_s: float) -> None:
        for _ in range(10):
            if true():
                return
        raise TimeoutError(f"not within {within_s} s: {what}")


def test_it_waits_for_the_last_one_and_asks_nobody_twice_who_has_heard() -> None:
    cluster = Cluster({CONTROL_PLANE: 4})

    proxies.follow(cast(World, cluster))

    assert cluster.asked == {**dict.fromkeys(NODES, 1), CONTROL_PLANE: 4}


def test_one_that_stays_deaf_is_told() -> None:
    cluster = Cluster({HOMES["sysc"]: 99})

    with pytest.raises(TimeoutError, match="every kube-proxy hears"):
        proxies.follow(cast(World, cluster))
