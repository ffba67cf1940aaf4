"""How a command ends badly, and what the caller of `hack/controlplane` can tell from it.

Two kinds, because a test must be skipped or refused when a machine lacks something, but must
fail when the control plane itself does not work; the exit code is all that a Makefile sees.
"""

import signal
import sys
from collections.abc import Callable
from types import FrameType


class ProblemError(Exception):
    """Something went wrong that one message explains."""

    exit_code = 1


class MissingError(ProblemError):
    """The machine lacks something; the message is one line and names the remedy."""

    exit_code = 2


def say(line: str) -> None:
    """Tell people about progress; stdout stays clean, because scripts read its last line."""
    print(line, file=sys.stderr, flush=True)


def exit_code(program: str, run: Callable[[], int]) -> int:
    """Run a command; its exit code, with one line for what can be said in one."""
    # As an exception, so that a build or a start that is broken off tidies up.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return run()
    except ProblemError as error:
        say(f"{program}: {error}")
        return error.exit_code
    except OSError as error:
        # A full disk, a folder of somebody else's: the text names the file, a traceback hides it.
        say(f"{program}: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _terminated(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
