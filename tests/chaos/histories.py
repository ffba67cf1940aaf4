"""A history as the suite records one, in which every promise is kept, to be broken by tests."""

from __future__ import annotations

from typing import Any

Line = dict[str, Any]
IPS = {"sysa": "10.0.0.1", "sysb": "10.0.0.2", "sysc": "10.0.0.3"}


def record(t: float, owner: str, epoch: int, **more: Any) -> Line:
    ready = [{"ip": IPS[owner], "pod": f"{owner}-0"}] if owner else []
    holder = f"uid-{owner}" if owner else ""
    line = {"vipa": "web", "uid": "r1", "owner": owner, "holder": holder, "epoch": epoch}
    return {"t": t, "kind": "record", **line, "term": 1, "ready": ready, **more}


def pod(t: float, stack: str, *, ready: bool = True, **more: Any) -> Line:
    line = {"pod": f"{stack}-0", "uid": f"uid-{stack}", "stack": stack, "node": f"n-{stack}"}
    return {"t": t, "kind": "pod", **line, "ready": ready, "terminating": False, **more}


def answered(t: float, until: float, stack: str, target: str = "web") -> Line:
    line = {"target": target, "pod": f"{stack}-0", "until": until, "count": 100}
    return {"t": t, "kind": "answered", **line}


def failed(first: float, last: float, target: str = "web") -> list[Line]:
    steps = int((last - first) / 0.1) + 1
    return [
        {"t": first + 0.1 * step, "kind": "failed", "target": target, "error": "timeout"}
        for step in range(steps)
    ]


def whole(fault: str = "node-cut") -> list[Line]:
    """sysa is lost at 100, sysb has the address at 101.8, sysa takes it back at 111."""
    nodes = [
        {"t": 1.0, "kind": "node", "node": f"n-{one}", "ready": True, "out": False} for one in IPS
    ]
    steps: list[Line] = [
        {"t": 0.0, "kind": "run", "chains": {"web": ["sysa", "sysb", "sysc"]}},
        record(2.0, "sysa", 1),
        {"t": 50.0, "kind": "asking"},
        {"t": 100.0, "kind": "fault", "id": 1, "fault": fault, "stacks": ["sysa"]},
        {"t": 100.1, "kind": "struck", "id": 1},
        record(101.8, "sysb", 2),
        {"t": 110.0, "kind": "mended", "id": 1},
        record(111.0, "sysa", 3),
        {"t": 113.0, "kind": "settled", "id": 1},
        {"t": 150.0, "kind": "asked"},
        {"t": 155.0, "kind": "left", "things": []},
        {"t": 156.0, "kind": "end"},
    ]
    served = [answered(50.0, 100.0, "sysa"), answered(102.3, 111.2, "sysb")]
    served += [answered(111.2, 150.0, "sysa")]
    return [*nodes, *(pod(1.0, one) for one in IPS), *steps, *served, *failed(100.1, 102.2)]


def control(*spans: tuple[float, float]) -> list[Line]:
    """When the clients reached themselves."""
    return [
        {"t": t, "kind": "answered", "target": "control", "pod": "me", "until": until, "count": 1}
        for t, until in spans
    ]


def seen(*spans: tuple[float, float]) -> list[Line]:
    """The API server answered, twice a second, in these times."""
    return [
        {"t": first + 0.5 * step, "kind": "seen"}
        for first, last in spans
        for step in range(int((last - first) / 0.5) + 1)
    ]


def index(lines: list[Line], kind: str, number: int = 0) -> int:
    return [at for at, line in enumerate(lines) if line["kind"] == kind][number]
