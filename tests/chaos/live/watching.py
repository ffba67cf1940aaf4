"""The recorder: what the API server says and what clients saw, as one file of JSON lines.

Nothing of the product is used, so that a wrong reader of records cannot agree with a wrong writer
of them. Every line has `t`, seconds since 1970 by this machine's clock, and `kind`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, urlsplit

import yaml

Raw = dict[str, Any]
Project = Callable[[Raw, bool], "Raw | None"]
SILENT_S = 5.0  # a watch sends nothing for so long: ask anew, the server may be gone
GROUP = "sysplex.dev"


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


class Api:
    """Just enough of a client: certificates out of a kubeconfig, one connection a call."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._place = urlsplit(cluster["server"]).netloc
        data = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=data)
        with tempfile.NamedTemporaryFile("wb") as file:
            for key in ("client-certificate-data", "client-key-data"):
                file.write(base64.b64decode(user[key]))
            file.flush()
            self._tls.load_cert_chain(file.name)

    def get(self, path: str) -> Raw:
        answer: Raw = json.loads(b"".join(self._lines(path, timeout_s=10)))
        return answer

    def watch(self, path: str, version: str) -> Iterator[Raw]:
        """Until the server ends it, an error, or silence."""
        sign = "&" if "?" in path else "?"
        ask = f"{path}{sign}watch=true&allowWatchBookmarks=true&resourceVersion={version}"
        for line in self._lines(ask, timeout_s=SILENT_S):
            yield json.loads(line)

    def _lines(self, path: str, *, timeout_s: float) -> Iterator[bytes]:
        asked = http.client.HTTPSConnection(self._place, timeout=timeout_s, context=self._tls)
        with contextlib.closing(asked):
            asked.request("GET", path)
            reply = asked.getresponse()
            if reply.status != 200:
                raise ConnectionError(f"{path}: {reply.status}")
            yield from reply


class Watcher(threading.Thread):
    """Follows one kind; a change of what `project` makes of an object is a line.

    After each gap everything is listed anew: what came and went in the gap is not seen, and the
    line `blind` says when that was.
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
            began = time.time()
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ValueError):
                self._over.wait(0.05)
                self._history.say("blind", what=self.kind, since=began)

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
        shown = self._project(raw, False)
        uid = raw["metadata"]["uid"]
        if shown is not None and self._shown.get(uid) != shown:
            self._shown[uid] = shown
            self._changed_at = time.monotonic()
            self._history.say(self.kind, **shown)

    def _gone(self, uid: str) -> None:
        shown = self._shown.pop(uid, None)
        if shown is not None:
            self._history.say(self.kind, **{**shown, "gone": True})


def record(raw: Raw, _gone: bool) -> Raw | None:
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


def pod(raw: Raw, _gone: bool) -> Raw:
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


def node(raw: Raw, _gone: bool) -> Raw:
    conditions = {one["type"]: one["status"] for one in raw["status"].get("conditions") or ()}
    taints = [one["key"] for one in raw["spec"].get("taints") or ()]
    return {
        "node": raw["metadata"]["name"],
        "ready": conditions.get("Ready") == "True",
        "out": "node.kubernetes.io/out-of-service" in taints,
    }


def lease(raw: Raw, _gone: bool) -> Raw:
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
