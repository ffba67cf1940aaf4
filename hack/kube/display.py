"""What `up` and `status` print, for people and for programs."""

import dataclasses
import json
from collections.abc import Sequence

from .parts import Part
from .plane import Seen
from .state import State


def table(seen: Sequence[Seen]) -> str:
    """Return one line for each part."""
    lines = [f"{'PART':<24}{'PID':<9}{'PORT':<7}STATE"]
    lines += [f"{one.part:<24}{one.pid or '-':<9}{one.port:<7}{_word(one)}" for one in seen]
    return "\n".join(lines)


def _word(one: Seen) -> str:
    if not one.running:
        return "not running"
    return "healthy" if one.healthy else "running, not healthy"


def as_json(state: State, seen: Sequence[Seen]) -> str:
    """Return all that a test needs to talk to the control plane and to its processes."""
    places = state.places
    document = {
        "name": state.folder.name,
        "folder": str(state.folder),
        "kubeconfig": str(places.kubeconfig),
        "server": places.url(Part.API_SERVER),
        "programs": str(state.programs),
        "healthy": all(one.healthy for one in seen),
        "parts": [dataclasses.asdict(one) for one in seen],
    }
    return json.dumps(document, indent=2)
