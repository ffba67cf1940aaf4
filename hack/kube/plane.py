"""Bring one control plane up and down, as a whole or part by part."""

import http.client
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import binaries, health, parts, processes
from . import state as states
from .outcome import ProblemError, say
from .parts import Part
from .state import Flags, State

# etcd and the controller manager need tenths; the API server would wait for its watchers.
STOP_GRACE_S = 2.0
# Little, because the data goes away with the plane: there is nothing to end tidily.
DOWN_GRACE_S = 0.5
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
SYSTEM = "/api/v1/namespaces/kube-system/configmaps"
# Rehearsals break things on purpose. They refuse every cluster without this mark, because
# otherwise a wrong context in a kubeconfig would be enough to break a real one.
MARK = "sysplex-rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What `status` shows of one part."""

    part: Part
    pid: int | None
    port: int
    running: bool
    healthy: bool


def up(folder: Path, flags: Flags) -> State:
    """Make the control plane run, whatever is left of an earlier one; flags apply to a start."""
    # Late, because it needs a package that is not in Python, and all else works without.
    from . import certs  # noqa: PLC0415

    with states.lock(folder):
        state = State.load(folder) or _create(folder, flags)
        _settle_flags(state, flags)
        if all(seen.healthy for seen in look(state)):
            return state
        running = [part for part in Part if _alive(state, part)]
        certs.ensure(state.places.pki)
        try:
            _bring_up(state)
        except BaseException:
            # Also for Ctrl-C: what this call started serves nobody, and its ports are scarce.
            _end(state, [part for part in Part if part not in running], DOWN_GRACE_S)
            raise
    return state


def _create(folder: Path, flags: Flags) -> State:
    programs = binaries.folder()
    folder.mkdir(parents=True, exist_ok=True)
    state = State(folder=folder, programs=programs, ports={}, flags=flags)
    states.assign_ports(state, list(Part))
    return state


def _settle_flags(state: State, flags: Flags) -> None:
    """Take new flags if nothing runs; a test that asks for others must not run without them."""
    if not any(flags.values()) or flags == state.flags:
        return
    if any(_alive(state, part) for part in Part):
        name = state.folder.name
        raise ProblemError(f"{name} runs with other flags: `down {name}` first")
    state.flags = flags
    state.save()


def _bring_up(state: State) -> None:
    try:
        _start_all(state)
    except health.PortTakenError as error:
        # The parts behind it know its old port. Once only: a second time is no coincidence.
        moved = list(Part)[list(Part).index(error.part) :]
        say(f"somebody took the port of {error.part}: trying others")
        _end(state, moved, DOWN_GRACE_S)
        states.assign_ports(state, moved)
        _start_all(state)


def _start_all(state: State) -> None:
    parts.write_kubeconfigs(state.places)
    for part in Part:
        _start(state, part)
    log_from = state.log(Part.CONTROLLER_MANAGER).stat().st_size

    def usable() -> bool:
        return _account_exists(state) and _marked(state)

    what = "service account of the namespace default"
    health.wait(state, Part.CONTROLLER_MANAGER, usable, log_from=log_from, what=what)


def _start(state: State, part: Part) -> None:
    log = state.log(part)
    log_from = log.stat().st_size if log.exists() else 0
    if not _alive(state, part):
        if not (state.programs / part).exists():
            state.programs = binaries.folder()
        flags = state.flags.get(part, ())
        line = parts.command(part, state.places, state.programs, flags)
        state.processes[part] = processes.spawn(line, log, state.folder)
        state.save()
        say(f"{part}: pid {state.processes[part].pid}, port {state.ports[part]}")

    def well() -> bool:
        return health.healthy(state, part)

    health.wait(state, part, well, log_from=log_from, what="healthy")


def _account_exists(state: State) -> bool:
    return health.request(state, Part.API_SERVER, ACCOUNT) == http.HTTPStatus.OK


def _marked(state: State) -> bool:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": MARK},
        "data": {"made-by": "hack/controlplane"},
    }
    status = health.request(state, Part.API_SERVER, SYSTEM, method="POST", body=body)
    return status in {http.HTTPStatus.CREATED, http.HTTPStatus.CONFLICT}


def down(folder: Path) -> None:
    """End the processes and remove the folder; nothing to do is fine."""
    with states.lock(folder):
        state = State.load(folder)
        if state is None:
            if folder.exists():
                raise ProblemError(f"{folder} is no control plane's folder: remove it by hand")
            say(f"{folder.name} is not there")
            return
        _end(state, list(Part), DOWN_GRACE_S)
        shutil.rmtree(folder)


def stop(folder: Path, part: Part) -> None:
    """End one part; its port stays reserved for `start`."""
    with states.lock(folder):
        _end(states.existing(folder), [part], STOP_GRACE_S)


def start(folder: Path, part: Part) -> None:
    """Start one part again, on the same port."""
    with states.lock(folder):
        state = states.existing(folder)
        for earlier in list(Part)[: list(Part).index(part)]:
            if not _alive(state, earlier):
                raise ProblemError(f"{part} needs {earlier}, which does not run: start it first")
        _start(state, part)


def look(state: State) -> list[Seen]:
    """Return how each part is."""
    seen = []
    for part in Part:
        running = _alive(state, part)
        seen.append(
            Seen(
                part=part,
                pid=state.processes[part].pid if running else None,
                port=state.ports[part],
                running=running,
                healthy=running and health.healthy(state, part),
            )
        )
    return seen


def _alive(state: State, part: Part) -> bool:
    return processes.alive(state.processes.get(part))


def _end(state: State, which: list[Part], grace_s: float) -> None:
    processes.end([state.processes[p] for p in which if p in state.processes], grace_s=grace_s)
