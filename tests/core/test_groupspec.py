"""What a Sysplex says of watching its stacks, and a stack of joining again."""

from __future__ import annotations

from typing import Any

import pytest

from vipa.core import spec
from vipa.core.resources import Damping, Monitor, OnUnresponsive, Probe, Sysplex


def sysplex(**fields: Any) -> Sysplex:
    return spec.sysplex({"metadata": {"name": "plex1"}, "spec": fields})


def test_a_sysplex_says_how_its_stacks_are_watched() -> None:
    found = sysplex(
        monitor={
            "probe": {"http": {"port": 8080, "path": "/healthz", "scheme": "HTTPS"}},
            "interval": "1s",
            "timeout": "1s",
            "failureThreshold": 2,
            "successThreshold": 1,
            "onUnresponsive": "LeaveUntilJoined",
            "holdThresholdPercent": 100,
            "holdLimit": "0s",
        },
        joinDelay="1500ms",
        damping={},
    )
    assert found.monitor == Monitor(
        probe=Probe(8080, "HTTPS", "/healthz"),
        interval=1.0,
        timeout=1.0,
        failure_threshold=2,
        success_threshold=1,
        on_unresponsive=OnUnresponsive.LEAVE_UNTIL_JOINED,
        hold_percent=100,
        hold_limit=0.0,
    )
    assert (found.join_delay, found.damping) == (1.5, Damping())


@pytest.mark.parametrize(
    "monitor",
    [
        {},
        {"probe": {}},
        {"probe": {"tcp": {"port": 80}, "http": {"port": 80}}},
        {"probe": {"tcp": {"port": 0}}},
        {"probe": {"http": {"port": 80, "path": "x"}}},
        {"probe": {"http": {"port": 0}}},
        {"probe": {"tcp": {"port": 80}}, "interval": "1s", "timeout": "2s"},
    ],
)
def test_monitor_that_cannot_ask_asks_nobody(monitor: dict[str, Any]) -> None:
    assert sysplex(monitor=monitor).monitor is None


def test_damping_that_cannot_be_read_damps_nobody() -> None:
    assert sysplex(damping={"failures": 0}).damping is None


def test_a_stack_that_asks_to_join_again() -> None:
    raw = {
        "metadata": {"name": "sysa", "annotations": {"sysplex.dev/join-requested": "x"}},
        "spec": {"sysplex": "plex1"},
    }
    assert spec.stack(raw).join_requested == "x"
