"""Every class of fault on real kubelets with real traffic; `make chaos`, or one by `-k NAME`."""

from __future__ import annotations

import pytest
from tests.chaos import checker
from tests.chaos.live import campaign, faults, world

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", list(faults.every()))
def test_clients_are_served_again_and_all_comes_home(scene: world.World, name: str) -> None:
    faults.carry_out(scene, faults.every()[name])


def test_the_history_of_all_this_keeps_every_promise(
    scene: world.World, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.take_down()
    lines = checker.read(scene.history.path)

    with capsys.disabled():
        print(f"\n{campaign.table(lines)}\nhistory: {scene.history.path}")  # noqa: T201

    assert checker.check(lines) == []
