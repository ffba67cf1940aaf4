"""How a command ends badly, and what the caller of `hack/controlplane` can tell from it.

Two kinds, because a test must be skipped or refused when a machine lacks something, but must
fail when the control plane itself does not work; the exit code is all that a Makefile sees.
"""

import sys


class ProblemError(Exception):
    """Something went wrong that one message explains."""

    exit_code = 1


class MissingError(ProblemError):
    """The machine lacks something; the message is one line and names the remedy."""

    exit_code = 2


def say(line: str) -> None:
    """Tell people about progress; stdout stays clean, because scripts read its last line."""
    print(line, file=sys.stderr, flush=True)
