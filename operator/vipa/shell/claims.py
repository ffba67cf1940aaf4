"""Whose an address is: the pod that was last seen to take it.

A pod object may outlive its process, on a node that is gone say, while the network gives its
address to another pod. What answers there then is the other one. Only pods of groups are seen: an
address that went to a pod outside of every group is not told apart here.
"""

from __future__ import annotations

from vipa.core.cluster import Key, Pod
from vipa.core.inventory import Inventory


class Claims:
    """The living pods at each address, in the order in which they took it."""

    def __init__(self) -> None:
        self._by_ip: dict[str, dict[Key, str]] = {}
        self._ips: dict[Key, tuple[str, tuple[str, ...]]] = {}

    def take(self, pod: Pod) -> None:
        """A pod as it is now. One that has ended holds nothing."""
        ips = () if pod.ended else pod.ips
        if self._ips.get(pod.key) == (pod.uid, ips):
            return
        self.leave(pod.key)
        if ips:
            self._ips[pod.key] = (pod.uid, ips)
            for ip in ips:
                self._by_ip.setdefault(ip, {})[pod.key] = pod.sysplex

    def leave(self, pod: Key) -> None:
        """A pod is gone."""
        _, ips = self._ips.pop(pod, ("", ()))
        for ip in ips:
            holders = self._by_ip[ip]
            del holders[pod]
            if not holders:
                del self._by_ip[ip]

    def holds(self, world: Inventory, pod: Pod, ip: str) -> bool:
        """Whether what answers at this address is this pod.

        Pods in the network of their node share its address for good. They differ by port, and the
        port is the Sysplex's: there only a pod of the same Sysplex is a rival.
        """
        holders = self._by_ip.get(ip, {})
        if len(holders) > 1 and ip in world.nodes_by_address:
            holders = {key: plex for key, plex in holders.items() if plex == pod.sysplex}
        return next(reversed(holders), None) == pod.key
