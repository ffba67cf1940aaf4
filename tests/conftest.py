"""For all tests."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.waiting")

from tests.waiting import eventually  # noqa: E402

# Whoever starts us in the background makes us ignore Ctrl-C, and our children would inherit that:
# what is tested about Ctrl-C would never be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LIMIT: pytest.StashKey[Any] = pytest.StashKey()
CALM_WITHIN_S = 60


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Remember it for a second try."""
    item.stash[LIMIT] = settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A second try waits a while for a machine that is less busy, and has the whole time of a test.

    The timer is set once for all tries: a second one would have what the first has left, and after
    a first that was ended by it nothing would end a second.
    """
    tries = getattr(item, "execution_count", 1)  # of pytest-rerunfailures
    if tries == 1:
        return
    hooks = item.config.pluginmanager.hook
    hooks.pytest_timeout_cancel_timer(item=item)
    with contextlib.suppress(AssertionError):
        eventually(calm, within_s=CALM_WITHIN_S)
    if LIMIT in item.stash:
        hooks.pytest_timeout_set_timer(item=item, settings=item.stash[LIMIT])


def calm() -> bool:
    """No more than two want each core, over the last minute."""
    return os.getloadavg()[0] <= 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to tell besides whether they hold: their property `told`."""
    told = [
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "told" and getattr(report, "when", "") == "call"
    ]
    if told:
        terminalreporter.section("told by tests")
        for line in told:
            terminalreporter.line(line)
