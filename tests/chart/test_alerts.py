"""Alerts and dashboard: read by promtool, about metrics that there are, and they fire."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hack.docs_reference import METRICS
from tests.chart.conftest import CHART, Render
from tests.chart.test_rendering import found

# Exposed by an operator, and not in its reference.
ALSO = {"sysplex_leader", "sysplex_leader_transitions_total"}
SUFFIXES = re.compile(r"_(bucket|count|sum)$")
STEP = "15s"


@pytest.fixture
def rules(render: Render) -> dict[str, Any]:
    on = {"rules": True, "unprotected": "fixed-.*"}
    return dict(found(render(monitoring=on), "PrometheusRule")["spec"])


@pytest.fixture
def file(rules: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rules))
    return path


def metrics_in(text: str) -> set[str]:
    names = set(re.findall(r"sysplex_[a-z_]+", text))
    return {SUFFIXES.sub("", one) for one in names}


def series(**values: str) -> list[dict[str, str]]:
    """Of metrics without or with labels, written as `name{a="b"}`."""
    return [{"series": name, "values": told} for name, told in values.items()]


# What is measured, when, and the alerts that then fire.
STORIES: dict[str, tuple[dict[str, str], str, set[str]]] = {
    "all is well": (
        {
            'sysplex_leader{pod="a"}': "1x80",
            'sysplex_leader{pod="b"}': "0x80",
            'sysplex_vipa_epoch{namespace="n",vipa="web"}': "7x80",
            'sysplex_vipa_owner{namespace="n",vipa="web",stack="sysa"}': "1x80",
            'sysplex_vipa_protected{namespace="n",vipa="web"}': "1x80",
            'sysplex_watch_last_event_seconds{pod="a",kind="Node"}': "12x80",
            'sysplex_watch_last_event_seconds{pod="a",kind="Sysplex"}': "90000x80",
            'sysplex_takeover_seconds_count{pod="a"}': "5x40 6x40",
            'sysplex_takeover_seconds_bucket{pod="a",le="1.0"}': "5x40 6x40",
        },
        "15m",
        set(),
    ),
    "nobody leads": (
        {'sysplex_leader{pod="a"}': "1x20 0x60", 'sysplex_leader{pod="b"}': "0x80"},
        "7m",
        {"SysplexNoLeader"},
    ),
    "one operator is gone": ({'sysplex_leader{pod="a"}': "1x80"}, "8m", {"SysplexNoStandby"}),
    "all are gone": ({}, "8m", {"SysplexNoLeader"}),
    "an address without owner": (
        {
            'sysplex_leader{pod="a"}': "1x80",
            'sysplex_leader{pod="b"}': "0x80",
            'sysplex_vipa_epoch{namespace="n",vipa="web"}': "7x80",
            'sysplex_vipa_owner{namespace="n",vipa="web",stack="sysa"}': "1x20 stale",
        },
        "8m",
        {"SysplexVipaWithoutOwner"},
    ),
    "no backup, and one that never has any": (
        {
            'sysplex_leader{pod="a"}': "1x80",
            'sysplex_leader{pod="b"}': "0x80",
            'sysplex_vipa_protected{namespace="n",vipa="web"}': "1x20 0x60",
            'sysplex_vipa_protected{namespace="n",vipa="fixed-1"}': "0x80",
        },
        "12m",
        {"SysplexVipaWithoutBackup"},
    ),
    "slow": (
        {
            'sysplex_leader{pod="a"}': "1x80",
            'sysplex_leader{pod="b"}': "0x80",
            'sysplex_takeover_seconds_count{pod="a"}': "5x20 7x60",
            'sysplex_takeover_seconds_bucket{pod="a",le="1.0"}': "5x80",
            'sysplex_failover_detection_seconds_count{pod="a"}': "5x20 7x60",
            'sysplex_failover_detection_seconds_bucket{pod="a",le="5.0"}': "5x80",
        },
        "8m",
        {"SysplexSlowTakeover", "SysplexSlowDetection"},
    ),
    "held, blind and deaf": (
        {
            'sysplex_leader{pod="a"}': "1x80",
            'sysplex_leader{pod="b"}': "0x80",
            'sysplex_held{namespace="n",sysplex="plex1",reason="NoWitness"}': "2x80",
            'sysplex_blind{pod="b"}': "1x80",
            'sysplex_watch_last_event_seconds{pod="b",kind="Node"}': "601x80",
        },
        "8m",
        {"SysplexHeld", "SysplexBlind", "SysplexStaleWatch"},
    ),
    "restless and refused": (
        {
            'sysplex_leader{pod="a"}': "1x80",
            'sysplex_leader{pod="b"}': "0x80",
            'sysplex_leader_transitions_total{pod="a"}': "0+1x80",
            'sysplex_actions_total{pod="a",kind="VIPA",outcome="403"}': "0+1x80",
            'sysplex_actions_total{pod="a",kind="VIPA",outcome="409"}': "0+1x80",
        },
        "15m",
        {"SysplexLeaderUnsteady", "SysplexWritesRefused"},
    ),
}


def test_promtool_reads_the_rules(run: Callable[..., str], file: Path) -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", str(file))


@pytest.mark.parametrize("story", STORIES)
def test_alerts_fire_when_they_should_and_only_then(
    run: Callable[..., str], rules: dict[str, Any], file: Path, story: str
) -> None:
    given, at, firing = STORIES[story]
    (group,) = rules["groups"]
    asked = [
        {"expr": f'count(ALERTS{{alertname="{one["alert"]}",alertstate="firing"}}) > bool 0',
         "eval_time": at, "exp_samples": [{"labels": "{}", "value": 1}] if one["alert"] in firing
         else []}
        for one in group["rules"]
    ]  # fmt: skip
    test = {
        "rule_files": [str(file)],
        "evaluation_interval": STEP,
        "tests": [
            {
                "interval": STEP,
                "input_series": series(**given),
                "promql_expr_test": asked,
            }
        ],
    }
    path = file.with_name("tests.yaml")
    path.write_text(yaml.safe_dump(test))
    assert "SUCCESS" in run("promtool", "test", "rules", str(path))


def test_every_alert_is_seen_to_fire(rules: dict[str, Any]) -> None:
    (group,) = rules["groups"]
    fired = set().union(*(firing for _, _, firing in STORIES.values()))
    assert fired == {one["alert"] for one in group["rules"]}


def test_rules_and_dashboard_speak_of_metrics_that_there_are() -> None:
    told = "".join(
        (CHART / "files" / name).read_text() for name in ("rules.yaml", "dashboard.json")
    )
    assert metrics_in(told) - {SUFFIXES.sub("", one) for one in METRICS} - ALSO == set()


def test_dashboard_is_whole(render: Render) -> None:
    objects = render(monitoring={"dashboard": True})
    page = json.loads(found(objects, "ConfigMap")["data"]["sysplex-vipa.json"])
    numbers = [panel["id"] for panel in page["panels"]]
    assert len(numbers) == len(set(numbers)) > 10
    assert all(panel["description"] for panel in page["panels"])
