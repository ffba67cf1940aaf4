"""One cluster, one history for all tests of this folder; the last test has it judged."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.chaos.live import acts, campaign, faults, world
from tests.chaos.live.watching import History


@pytest.fixture(scope="session")
def scene() -> Iterator[world.World]:
    world.enter_environment()
    path = campaign.RESULTS / f"history-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    history = History(path)
    history.say("run", chains=world.CHAINS, seed=None, faults=list(faults.every()))
    made = world.World(history)
    made.put_up()
    with acts.mended_at_the_end(made):
        yield made
    made.take_down()
