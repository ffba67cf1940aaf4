"""Killed before and after any write of a takeover.

Whatever happens, the end is the one without the fault, and over the whole history of the record no
epoch is given twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.cluster.faultproxy import Deed, after, before
from tests.cluster.faults.theatre import EVENTS, WRITES, Theatre
from tests.waiting import becomes, eventually


def test_a_takeover_is_these_writes_and_ends_like_this(
    theatre: Theatre, reference: dict[str, Any]
) -> None:
    theatre.rest()
    theatre.fail_owner()
    becomes(theatre.end, reference)
    theatre.world.quiet()

    spaces = f"/namespaces/{theatre.world.namespace}/"
    written = theatre.proxy.writes(spaces)
    kinds = [line.replace(spaces, " ").split(" ") for line in written]
    assert written[0].startswith("PUT ")
    assert sorted({f"{verb} {path}" for verb, _, path in kinds}) == [
        "PATCH pods/sysa",
        "PATCH pods/sysb",
        "PATCH stacks/sysa/status",
        "PATCH stacks/sysb/status",
        "PATCH sysplexes/plex1/status",
        "PATCH vipas/web/status",
        "POST events",
        "PUT endpointslices/web-owner",
    ]
    assert len([line for line in written if "POST" in line]) == EVENTS
    assert reference["record"][:3] == ("sysb", 1, "sysb")
    assert reference["annotations"] == {"sysa": [], "sysb": [("web", "ACTIVE", 1)]}
    assert reference["status"]["move"] == ["sysa", "sysb", "OwnerFailed"]
    assert reference["events"] == ["TakenOver Pod/sysa", "TakenOver Pod/sysb", "TakenOver VIPA/web"]
    theatre.history.check()


CASES = [
    *((write, 1) for write in WRITES if write != "event"),
    *(("event", nth) for nth in range(1, EVENTS + 1)),
]


@pytest.mark.parametrize("deed", [before, after])
@pytest.mark.parametrize(("write", "nth"), CASES)
def test_killed_at_a_write(
    theatre: Theatre,
    reference: dict[str, Any],
    write: str,
    nth: int,
    deed: Callable[[Callable[[], object]], Deed],
) -> None:
    theatre.rest()
    dead = threading.Event()

    def kill() -> None:
        theatre.operator.kill()
        dead.set()

    theatre.proxy.on(theatre.pattern(write), deed(kill), first=nth)
    theatre.fail_owner()
    assert dead.wait(20)

    theatre.proxy.clear()
    theatre.start()

    becomes(theatre.end, reference)
    theatre.history.check()


@pytest.mark.parametrize("deed", [before, after])
def test_killed_at_the_first_record(
    theatre: Theatre, deed: Callable[[Callable[[], object]], Deed]
) -> None:
    """There is no status yet that could tell of it."""
    theatre.rest()
    world, dead = theatre.world, threading.Event()

    def kill() -> None:
        theatre.operator.kill()
        dead.set()

    name = f"fresh-{deed.__name__}"
    theatre.proxy.on("POST .*/endpointslices$", deed(kill))
    world.vipa(name)
    assert dead.wait(20)

    theatre.proxy.clear()
    theatre.start()

    becomes(lambda: world.owner(name), ("sysa", 1))
    becomes(lambda: (name, "ACTIVE", 1) in world.annotated("sysa"), True)
    becomes(lambda: world.status(name).get("epoch"), 1)
    eventually(lambda: any(f"VIPA/{name}" in line for line in world.events("Activated")))
    world.delete("VIPA", name)
    theatre.history.check(name)
