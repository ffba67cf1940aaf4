"""Each write is refused, or its answer never comes; the end is the one without the fault."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from tests.cluster.faultproxy import Deed, half_open, hang
from tests.cluster.faults.theatre import REFUSALS, WRITES, Theatre
from tests.waiting import becomes, eventually


@pytest.mark.parametrize("fault", REFUSALS)
def test_every_write_fails_once(theatre: Theatre, reference: dict[str, Any], fault: str) -> None:
    theatre.rest()
    # A conflict about an event says that it is there already: the API server knows no other one.
    rules = [
        theatre.proxy.on(theatre.pattern(write), REFUSALS[fault])
        for write in WRITES
        if (write, fault) != ("event", "409")
    ]
    theatre.fail_owner()

    becomes(theatre.end, reference)
    assert all(rule.applied for rule in rules)
    theatre.history.check()


@pytest.mark.parametrize("fault", REFUSALS)
def test_every_write_of_a_creation_and_a_deletion_fails_once(theatre: Theatre, fault: str) -> None:
    theatre.rest()
    world, name = theatre.world, f"made-{fault}"
    spaces = f"/namespaces/{world.namespace}"
    rules = [
        theatre.proxy.on(f"{line}$", REFUSALS[fault])
        for line in (
            f"POST .*{spaces}/endpointslices",
            f"PATCH .*{spaces}/services/{name}",
            f"PATCH .*{spaces}/services/{name}/status",
            f"PATCH .*{spaces}/pods/sysa",
            f"PATCH .*{spaces}/vipas/{name}/status",
        )
    ]
    address = world.vipa(name)
    becomes(lambda: world.owner(name), ("sysa", 1))
    becomes(lambda: world.status(name).get("state"), "Active")
    becomes(lambda: (name, "ACTIVE", 1) in world.annotated("sysa"), True)
    eventually(lambda: address in str((world.get("Service", name) or {}).get("status")))
    assert all(rule.applied for rule in rules)

    theatre.proxy.clear()
    theatre.proxy.on(f"DELETE .*{spaces}/", REFUSALS[fault])
    theatre.proxy.on(f"PATCH .*{spaces}/pods/sysa$", REFUSALS[fault])
    world.delete("VIPA", name)
    becomes(lambda: world.get("Service", name), None)
    becomes(lambda: world.get("EndpointSlice", f"{name}-owner"), None)
    becomes(lambda: [v for v, _, _ in world.annotated("sysa")], ["web"])


@pytest.mark.parametrize("deed", [hang, half_open])
def test_no_answer_to_the_record(theatre: Theatre, reference: dict[str, Any], deed: Deed) -> None:
    """Half-open: the watch tells of our own write before its answer, which never comes."""
    theatre.rest()
    rule = theatre.proxy.on(theatre.pattern("record"), deed)
    theatre.fail_owner()

    becomes(theatre.end, reference, within_s=20)
    assert rule.applied
    theatre.history.check()


@pytest.mark.parametrize("deed", [hang, half_open])
def test_no_answer_to_anything_else(
    theatre: Theatre, reference: dict[str, Any], deed: Deed
) -> None:
    theatre.rest()
    rules = [
        theatre.proxy.on(theatre.pattern(write), deed) for write in WRITES if write != "record"
    ]
    theatre.fail_owner()

    # The address moves at once, whatever becomes of the rest, which is given up after 10 s.
    becomes(theatre.world.owner, ("sysb", theatre.base + 1), within_s=5)
    becomes(theatre.end, reference, within_s=30)
    assert all(rule.applied for rule in rules)
    theatre.history.check()


def test_conflict_again_and_again(theatre: Theatre, reference: dict[str, Any]) -> None:
    """Somebody else touches the record all the time: each write is planned from what is there."""
    theatre.rest()

    def touch() -> None:
        notes = {"annotations": {"example.com/touched": secrets.token_hex(4)}}
        theatre.world.patch("EndpointSlice", "web-owner", {"metadata": notes})

    async def touched(exchange: Any) -> Any:
        touch()
        return await exchange.forward()

    rule = theatre.proxy.on(theatre.pattern("record"), touched, times=3)
    theatre.fail_owner()

    becomes(theatre.end, reference)
    assert rule.matched >= 3
    theatre.history.check()
