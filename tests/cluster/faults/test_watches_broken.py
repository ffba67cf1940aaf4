"""Lists and watches that fail, expire, or say nothing."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from tests.cluster.faultproxy import Deed, answer, hang, mute, stream_error
from tests.cluster.faults.theatre import REFUSALS, Theatre
from tests.waiting import becomes, eventually

QUIET_STREAM_S = 15  # settings.watching.inactivity_timeout


def test_lists_fail_at_the_start(theatre: Theatre) -> None:
    """It begins when it has seen everything, and does nothing before."""
    theatre.rest()
    still = theatre.world.quiet()
    theatre.operator.kill()
    rules = [
        theatre.proxy.on(f"GET /.*/{kind}$", fault, times=2)
        for kind, fault in zip(
            ("pods", "vipas", "nodes", "sysplexes"), REFUSALS.values(), strict=True
        )
    ]
    theatre.start()
    assert all(rule.applied for rule in rules)
    assert theatre.world.quiet(for_s=1) == still


def test_watches_end(theatre: Theatre, reference: dict[str, Any]) -> None:
    theatre.rest()
    before_cut = theatre.world.quiet()
    theatre.proxy.cut()
    eventually(lambda: len([x for x in theatre.proxy.lines if x.startswith("WATCH")]) >= 8)
    assert theatre.world.quiet() == before_cut

    theatre.fail_owner()

    becomes(theatre.end, reference)
    theatre.history.check()


def test_watch_expired_and_a_pod_vanished_meanwhile(theatre: Theatre) -> None:
    """410: kopf lists anew, says nothing of what is not there any more, and we notice."""
    theatre.rest()
    world, base = theatre.world, theatre.base
    expired = theatre.proxy.on("WATCH .*/pods$", stream_error(410))
    plug = theatre.proxy.unplug()
    world.gone("sysa")
    try:
        theatre.proxy.plug(plug)

        becomes(world.owner, ("sysb", base + 1))
        assert expired.applied
        becomes(lambda: world.status()["lastMove"]["reason"], "OwnerGone")
        theatre.history.check()
    finally:
        world.pod("sysa", world.node())


@pytest.mark.parametrize("deed", [hang, mute])
def test_a_watch_says_nothing(theatre: Theatre, reference: dict[str, Any], deed: Deed) -> None:
    """Blind for as long as a quiet stream is believed, not longer."""
    theatre.rest()
    rule = theatre.proxy.on("WATCH .*/pods$", deed)
    theatre.proxy.cut()
    eventually(lambda: rule.applied)
    theatre.fail_owner()

    becomes(theatre.end, reference, within_s=QUIET_STREAM_S + 10)
    theatre.history.check()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_watches_refused_for_a_moment(
    theatre: Theatre, reference: dict[str, Any], status: int
) -> None:
    """An API server that has just started knows neither tokens nor roles nor our kinds."""
    theatre.rest()
    rules = [
        theatre.proxy.on(f"{verb} /.*/{kind}$", answer(status))
        for verb in ("WATCH", "GET")
        for kind in ("pods", "vipas", "endpointslices", "nodes")
    ]
    theatre.proxy.cut()
    eventually(lambda: all(rule.applied for rule in rules if "WATCH" in rule.pattern.pattern))
    theatre.fail_owner()

    becomes(theatre.end, reference)
    assert theatre.operator.running
    theatre.history.check()


def test_stream_error_ends_the_process(theatre: Theatre) -> None:
    """Not a zombie that sees nothing: it ends, and whoever started it starts it again."""
    theatre.rest()
    theatre.proxy.on("WATCH .*/pods$", stream_error(500))
    theatre.proxy.cut()

    assert theatre.operator.ended() not in (0, -signal.SIGKILL)
    theatre.history.check()
