"""For all tests."""

from __future__ import annotations

import signal

import pytest

# Whoever starts us in the background makes us ignore Ctrl-C, and our children would inherit that:
# what is tested about Ctrl-C would never be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
