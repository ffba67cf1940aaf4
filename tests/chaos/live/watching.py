"""What the API server says of records, pods, nodes and the Lease, written down as it changes.

Nothing of the product is used, so that a wrong reader of records cannot agree with a wrong writer
of them.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

from tests.chaos.live.api import Api, Raw
from tests.chaos.live.recording import History

Project = Callable[[Raw], "Raw | None"]
GROUP = "sysplex.dev"


class Watcher(threading.Thread):
    """Follows one kind; a change of what `project` makes of an object is a line.

    After each gap everything is listed anew: what came and went in the gap is not seen. When that
    was says the lookout.
    """

    def __init__(self, api: Api, history: History, kind: str, path: str, project: Project) -> None:
        super().__init__(daemon=True, name=f"watch {kind}")
        self._api, self._history = api, history
        self.kind, self._path, self._project = kind, path, project
        self._shown: dict[str, Raw] = {}
        self._over = threading.Event()
        self._changed_at = 0.0

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ValueError):
                self._over.wait(0.05)

    def end(self) -> None:
        self._over.set()

    def quiet_s(self) -> float:
        """How long ago something changed."""
        return time.monotonic() - self._changed_at

    def shown(self) -> list[Raw]:
        """All that is there now, as far as we can see."""
        return list(self._shown.values())

    def _follow(self) -> None:
        listed = self._api.get(self._path)
        seen = {item["metadata"]["uid"] for item in listed["items"]}
        for uid in [uid for uid in self._shown if uid not in seen]:
            self._gone(uid)
        for item in listed["items"]:
            self._see(item)
        version = listed["metadata"]["resourceVersion"]
        with contextlib.suppress(TimeoutError):
            while not self._over.is_set():
                for event in self._api.watch(self._path, version):
                    raw = event["object"]
                    if event["type"] == "ERROR":
                        return
                    version = raw["metadata"]["resourceVersion"]
                    if event["type"] == "DELETED":
                        self._gone(raw["metadata"]["uid"])
                    elif event["type"] != "BOOKMARK":
                        self._see(raw)

    def _see(self, raw: Raw) -> None:
        shown = self._project(raw)
        uid = raw["metadata"]["uid"]
        if shown is not None and self._shown.get(uid) != shown:
            self._shown[uid] = shown
            self._changed_at = time.monotonic()
            self._history.say(self.kind, **shown)

    def _gone(self, uid: str) -> None:
        shown = self._shown.pop(uid, None)
        if shown is not None:
            self._history.say(self.kind, **{**shown, "gone": True})


def record(raw: Raw) -> Raw | None:
    """An EndpointSlice that is a record, else None."""
    meta = raw["metadata"]
    notes = meta.get("annotations") or {}
    if f"{GROUP}/epoch" not in notes:
        return None
    ready = [
        {"ip": one["addresses"][0], "pod": (one.get("targetRef") or {}).get("name", "")}
        for one in raw.get("endpoints") or ()
        if (one.get("conditions") or {}).get("ready") is not False
    ]
    return {
        "vipa": meta["labels"][f"{GROUP}/vipa"],
        "uid": meta["uid"],
        "owner": notes.get(f"{GROUP}/owner", ""),
        "holder": notes.get(f"{GROUP}/owner-uid", ""),
        "epoch": int(notes[f"{GROUP}/epoch"]),
        "term": int(notes.get(f"{GROUP}/term", "0")),
        "address": notes.get(f"{GROUP}/address", ""),
        "ready": ready,
    }


def pod(raw: Raw) -> Raw:
    meta, status = raw["metadata"], raw.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    return {
        "pod": meta["name"],
        "uid": meta["uid"],
        "stack": meta["labels"].get(f"{GROUP}/stack", meta["name"]),
        "node": raw["spec"].get("nodeName", ""),
        "ip": status.get("podIP", ""),
        "ready": conditions.get("Ready") == "True",
        "terminating": "deletionTimestamp" in meta,
    }


def node(raw: Raw) -> Raw:
    conditions = {one["type"]: one["status"] for one in raw["status"].get("conditions") or ()}
    taints = [one["key"] for one in raw["spec"].get("taints") or ()]
    return {
        "node": raw["metadata"]["name"],
        "ready": conditions.get("Ready") == "True",
        "out": "node.kubernetes.io/out-of-service" in taints,
    }


def lease(raw: Raw) -> Raw:
    spec = raw.get("spec") or {}
    return {
        "holder": spec.get("holderIdentity", ""),
        "transitions": spec.get("leaseTransitions", 0),
    }


def watchers(api: Api, history: History, namespace: str, system: str) -> list[Watcher]:
    """All that is recorded of the API."""
    spaced = f"namespaces/{namespace}"
    slices = f"/apis/discovery.k8s.io/v1/{spaced}/endpointslices?labelSelector={GROUP}%2Fvipa"
    pods = f"/api/v1/{spaced}/pods?labelSelector={quote(GROUP + '/sysplex', safe='')}"
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{system}/leases"
    return [
        Watcher(api, history, "record", slices, record),
        Watcher(api, history, "pod", pods, pod),
        Watcher(api, history, "node", "/api/v1/nodes", node),
        Watcher(api, history, "lease", leases, lease),
    ]
