"""Ask the parts how they are, and wait until they are well or certainly will not be."""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from . import processes
from .outcome import ProblemError
from .parts import HEALTH, Part
from .state import State

POLL_S = 0.05
# Little, because a stranger on the port may accept and keep silent, while our part is dead.
ANSWER_S = 2.0
# A machine that builds something beside needs far longer than the usual three seconds.
PATIENCE_S = 120.0
LOG_LINES = 12


class PortTakenError(ProblemError):
    """Somebody else got the port between our choice and the start of the part."""

    def __init__(self, part: Part, message: str) -> None:
        super().__init__(message)
        self.part = part


def request(
    state: State, part: Part, path: str, *, method: str = "GET", body: object = None
) -> int:
    """Send one request with the admin's certificate; return the HTTP status, 0 without answer."""
    # http.client rather than urllib, because a proxy of the environment must not be asked.
    connection = http.client.HTTPSConnection(
        "127.0.0.1", state.ports[part], timeout=ANSWER_S, context=_trust(state.places.pki)
    )
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _trust(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return context


def healthy(state: State, part: Part) -> bool:
    """Tell whether the part itself says that it is well."""
    return request(state, part, HEALTH[part]) == http.HTTPStatus.OK


def wait(state: State, part: Part, met: Callable[[], bool], *, log_from: int, what: str) -> None:
    """Wait until the condition is met; say why if the part dies or the patience ends."""
    until = time.monotonic() + PATIENCE_S
    while not met():
        if not processes.alive(state.processes.get(part)):
            raise _death(state, part, log_from)
        if time.monotonic() > until:
            tail = _tail(state.log(part), log_from)
            raise ProblemError(f"{part}: {what} not within {PATIENCE_S:.0f} s; its log:\n{tail}")
        time.sleep(POLL_S)


def _death(state: State, part: Part, log_from: int) -> ProblemError:
    tail = _tail(state.log(part), log_from)
    message = f"{part} died at its start; {state.log(part)} ends with:\n{tail}"
    if "address already in use" in tail:
        return PortTakenError(part, message)
    return ProblemError(message)


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])
