"""Whether anybody could see: the checker holds nobody to what happened while none could."""

from __future__ import annotations

import http.client
import threading

from tests.chaos.live.api import Api
from tests.chaos.live.recording import History

EVERY_S = 0.5


class Lookout(threading.Thread):
    """Asks the API server for next to nothing all the time; each answer is a line `seen`.

    A watch does not tell a quiet cluster from a server that stands still.
    """

    def __init__(self, api: Api, history: History, path: str) -> None:
        super().__init__(daemon=True, name="look out")
        self._api, self._history, self._path = api, history, path
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._api.get(self._path)
            except (OSError, http.client.HTTPException, ValueError):
                pass  # that there is no line says it
            else:
                self._history.say("seen")
            self._over.wait(EVERY_S)

    def end(self) -> None:
        self._over.set()
