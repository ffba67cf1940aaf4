"""What is known of one control plane between two commands: a file in its folder."""

import json
import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from . import locks, ports
from .outcome import ProblemError
from .parts import Part, Places
from .processes import Process

Flags = dict[Part, tuple[str, ...]]


@dataclass(slots=True, kw_only=True)
class State:
    """The record; it is saved after every start, so that `down` finds the process."""

    folder: Path
    programs: Path
    ports: dict[Part, int]
    flags: Flags
    processes: dict[Part, Process] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        """Return where the files and the ports are."""
        return Places(folder=self.folder, ports=self.ports)

    def log(self, part: Part) -> Path:
        """Return the file that the part writes to."""
        return self.folder / f"{part}.log"

    def save(self) -> None:
        """Write by rename, since a reader without the lock must never see half a record."""
        record = {
            "programs": str(self.programs),
            "ports": self.ports,
            "flags": self.flags,
            "processes": {
                part: {"pid": process.pid, "born": process.born}
                for part, process in self.processes.items()
            },
        }
        fresh = _file(self.folder).with_suffix(".fresh")
        fresh.write_text(json.dumps(record, indent=1))
        os.replace(fresh, _file(self.folder))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return the record of this folder, None if there is no control plane."""
        try:
            record = json.loads(_file(folder).read_text())
        except FileNotFoundError:
            return None
        return cls(
            folder=folder,
            programs=Path(record["programs"]),
            ports={Part(part): port for part, port in record["ports"].items()},
            flags={Part(part): tuple(flags) for part, flags in record["flags"].items()},
            processes={
                Part(part): Process(**process) for part, process in record["processes"].items()
            },
        )


def _file(folder: Path) -> Path:
    return folder / "state.json"


def folder_of(base: Path, name: str) -> Path:
    """Return the folder of the control plane of this name; `down` removes it: no tricks."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", name):
        raise ProblemError(f"{name!r} is no name: take up to 40 of a-z, 0-9 and - inside")
    return base.resolve() / name


def existing(folder: Path) -> State:
    """Return the record of a control plane that has to be there."""
    state = State.load(folder)
    if state is None:
        raise ProblemError(f"no control plane {folder.name} in {folder.parent}")
    return state


def lock(folder: Path) -> AbstractContextManager[None]:
    """Hold the lock of one control plane; it lies beside the folder, which `down` removes."""
    return locks.held(
        folder.parent / f".{folder.name}.lock",
        waiting=f"another command works on {folder.name}: waiting for it",
    )


def assign_ports(state: State, parts: list[Part]) -> None:
    """Give these parts new ports and record them before another `up` can choose the same."""
    base = state.folder.parent
    with locks.held(base / ".ports.lock", waiting="waiting for another `up` to choose its ports"):
        siblings = (State.load(file.parent) for file in base.glob("*/state.json"))
        taken = {port for other in siblings if other for port in other.ports.values()}
        taken.update(state.ports.values())
        chosen = ports.choose(len(parts), taken=taken)
        state.ports.update(zip(parts, chosen, strict=True))
        state.save()
