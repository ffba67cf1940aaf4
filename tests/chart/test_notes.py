"""What Helm prints after an installation can be typed as it stands."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART

Run = Callable[..., str]


def proposed(run: Run, cidr: str) -> list[dict[str, Any]]:
    """The objects that the notes propose, for this range."""
    values = ("--set", f"addresses[0].cidr={cidr}")
    text = run("helm", "install", "--dry-run=client", "rel", str(CHART), *values)
    _, _, rest = text.partition("kubectl apply -f - <<EOF\n")
    return list(yaml.safe_load_all(rest.partition("\nEOF\n")[0]))


@pytest.mark.parametrize(
    ("cidr", "address"),
    [
        ("198.51.100.0/24", "198.51.100.1"),
        ("198.51.100.128/25", "198.51.100.129"),
        ("198.51.100.7/32", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1::/64", "2001:db8:1::1"),
        ("2001:db8::5/128", "2001:db8::5"),
        ("2001:db8::10/124", "2001:db8::10"),
    ],
)
def test_the_proposed_address_is_a_host_s_and_of_the_first_range(
    run: Run, cidr: str, address: str
) -> None:
    _, vipa = proposed(run, cidr)

    assert vipa["spec"]["address"] == address
    assert ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def test_the_proposed_sysplex_has_a_monitor_that_asks_where_the_vipa_leads(run: Run) -> None:
    sysplex, vipa = proposed(run, "198.51.100.0/24")

    port = sysplex["spec"]["monitor"]["probe"]["tcp"]["port"]
    assert [one["targetPort"] for one in vipa["spec"]["ports"]] == [port]
