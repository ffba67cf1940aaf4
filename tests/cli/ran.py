"""What a command left behind."""

from __future__ import annotations

from collections.abc import Callable


class Ran:
    """What a command left: exit code and both outputs."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def refused(self, code: int, text: str) -> None:
        """It ended with one line on stderr that has this text, and no traceback."""
        assert self.code == code, (self.out, self.err)
        assert text in self.err
        assert "Traceback" not in self.err
        if not self.err.startswith("Usage:"):
            assert self.err.startswith("error: ")
            assert self.err.count("\n") == 1, self.err


Vipa = Callable[..., Ran]
