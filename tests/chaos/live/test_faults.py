"""Every class of fault on real kubelets with real traffic; `make chaos`, or one by `-k NAME`.

That clients were served and owners were the right ones says the checker, when all tests are over.
"""

from __future__ import annotations

import pytest
from tests.chaos.live import faults, world

pytestmark = pytest.mark.timeout(480)


@pytest.mark.parametrize("name", list(faults.every()))
def test_all_comes_home_after(scene: world.World, name: str) -> None:
    # What one fault has left undone is not to be the next one's.
    scene.until(lambda: not scene.unsettled(), f"all is well before {name}")

    faults.carry_out(scene, faults.every()[name])
