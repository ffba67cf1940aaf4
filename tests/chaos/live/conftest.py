"""One cluster and one history for all tests of this folder; at the end the checker judges it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.chaos import checker
from tests.chaos.checker.report import report
from tests.chaos.live import campaign, faults, world

REPORT = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def scene(pytestconfig: pytest.Config) -> Iterator[world.World]:
    """Its end fails the run if the history of all tests breaks a promise, also one by `-k`."""
    path = campaign.fresh()
    try:
        with campaign.stage(path, list(faults.every())) as made:
            yield made
    finally:
        lines = checker.read(path)
        verdict = checker.judge(lines)
        said = [campaign.table(lines), *report(lines, verdict), f"history: {path}"]
        pytestconfig.stash[REPORT] = "\n".join(said)
    if verdict.code != checker.KEPT:
        pytest.fail(f"{path}: {verdict}", pytrace=False)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if text := config.stash.get(REPORT, ""):
        terminalreporter.section("what the faults cost")
        terminalreporter.write_line(text)
