"""The reason for a write has gone by the time it is done."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.faultproxy import answer
from tests.cluster.faults.theatre import Theatre
from tests.waiting import becomes, eventually


@pytest.mark.parametrize("moveable", ["Immediate", "Manual"])
def test_flips_back_while_the_write_is_in_flight(theatre: Theatre, moveable: str) -> None:
    """The pod is well again before the API server has answered: the write stands, and is judged."""
    theatre.rest()
    world, base = theatre.world, theatre.base
    world.patch("VIPA", "web", {"spec": {"moveable": moveable}})
    world.quiet()
    phase = lambda: (world.get("Stack", "sysa") or {})["status"]["phase"]  # noqa: E731
    gate = theatre.proxy.gate(theatre.pattern("record"))
    try:
        theatre.fail_owner()
        eventually(lambda: gate.held)
        becomes(phase, "Failed")
        world.ready("sysa", True)
        becomes(phase, "Active")
        assert world.owner() == ("sysa", base)
    finally:
        gate.open()

    back = moveable == "Immediate"
    becomes(world.owner, ("sysa", base + 2) if back else ("sysb", base + 1))
    world.quiet()
    owner, epoch = world.owner()
    other = "sysb" if back else "sysa"
    assert (owner, epoch) == (("sysa", base + 2) if back else ("sysb", base + 1))
    assert world.annotated(owner) == [("web", "ACTIVE", epoch)]
    assert world.annotated(other) == []
    assert world.status()["epoch"] == epoch
    assert [e for e, _ in theatre.history.holders("web")][-1] == epoch
    theatre.history.check()


def test_flips_back_before_a_write_that_fails(theatre: Theatre) -> None:
    """The wish has gone by the time of the second try: nothing moves."""
    theatre.rest()
    world, base = theatre.world, theatre.base

    async def too_late(_: Any) -> Any:
        await world_ready()
        return await answer(500, "InternalError")(_)

    async def world_ready() -> None:
        await world._stage.pod_status(world.namespace, "sysa", ready=True)

    rule = theatre.proxy.on(theatre.pattern("record"), too_late)
    theatre.fail_owner()
    eventually(lambda: rule.applied)
    world.quiet()

    assert world.owner() == ("sysa", base)
    assert world.status()["owner"]["stack"] == "sysa"
    theatre.history.check()
