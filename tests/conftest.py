"""For all tests."""

from __future__ import annotations

import signal
from typing import Any

import pytest

# Whoever starts us in the background makes us ignore Ctrl-C, and our children would inherit that:
# what is tested about Ctrl-C would never be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LIMIT: pytest.StashKey[Any] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Remember it for a second try."""
    item.stash[LIMIT] = settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Each try has the whole time. The timer is set once for all of them: a second one would have
    what the first has left, and after a first that was ended by it nothing would end a second."""
    tries = getattr(item, "execution_count", 1)  # of pytest-rerunfailures
    if tries > 1 and LIMIT in item.stash:
        hooks = item.config.pluginmanager.hook
        hooks.pytest_timeout_cancel_timer(item=item)
        hooks.pytest_timeout_set_timer(item=item, settings=item.stash[LIMIT])


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
