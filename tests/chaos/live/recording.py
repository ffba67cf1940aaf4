"""The file that is judged: what the API server says and what clients saw, as JSON lines.

Every line has `t`, seconds since 1970 by this machine's clock, and `kind`.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any, TextIO


class History:
    """The file; lines of many threads, one at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: TextIO = path.open("w")
        self._lock = threading.Lock()

    def say(self, kind: str, **fields: Any) -> None:
        self.take(json.dumps({"t": time.time(), "kind": kind, **fields}))

    def take(self, line: str) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(line.rstrip("\n") + "\n")

    @property
    def closed(self) -> bool:
        return self._file.closed

    def flush(self) -> None:
        with self._lock:
            self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()
