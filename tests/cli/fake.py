"""A small API server over a real socket, for what the real one cannot be made to do: faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from vipa.k8s import names

Body = dict[str, Any]
Answer = tuple[int, Body]
PLURALS = {known.plural: kind for kind, known in names.KINDS.items()} | {"leases": "Lease"}


class FakeApi:
    """Objects by kind, namespace and name. `faults`: path to an answer of its own; `patched`: the
    patches taken; `on_patch`, `on_delete`: what happens then."""

    def __init__(self, sample: str) -> None:
        self.objects: dict[tuple[str, str, str], Body] = {}
        self.faults: dict[str, Answer] = {}
        self.patched: list[tuple[str, Body]] = []
        self.on_patch: Callable[[], None] = lambda: None
        self.on_delete: Callable[[str, str, str], None] = lambda *_: None
        for item in yaml.safe_load(Path(sample).read_text())["items"]:
            meta = item["metadata"]
            meta.setdefault("resourceVersion", "1")
            self.objects[item["kind"], meta.get("namespace", ""), meta["name"]] = item

    def answer(self, method: str, path: str, body: Body) -> Answer:
        split = urlsplit(path)
        parts = split.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if len(parts) > 2 and parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        if split.path in self.faults:
            return self.faults[split.path]
        kind = PLURALS[parts[0]]
        if len(parts) == 1:
            found = [o for (k, ns, _), o in self.objects.items() if k == kind]
            items = [o for o in found if namespace in ("", o["metadata"].get("namespace"))]
            return 200, {
                "kind": f"{kind}List",
                "metadata": {"resourceVersion": "9"},
                "items": items,
            }
        one = self.objects.get((kind, namespace, parts[1]))
        if one is None:
            return 404, {"kind": "Status", "message": f"{kind} {parts[1]} not found"}
        if method == "DELETE":
            self.on_delete(kind, namespace, parts[1])
            return 200, self.objects.pop((kind, namespace, parts[1]))
        return (200, one) if method == "GET" else self._patch(split.query, one, body)

    def _patch(self, query: str, one: Body, body: Body) -> Answer:
        meta = one["metadata"]
        wanted = body.get("metadata", {}).get("resourceVersion", meta["resourceVersion"])
        self.patched.append((parse_qs(query)["fieldManager"][0], body))
        if wanted != meta["resourceVersion"]:
            return 409, {"kind": "Status", "message": "the object has been modified"}
        meta["resourceVersion"] = str(int(meta["resourceVersion"]) + 1)
        one["spec"] = {**one.get("spec", {}), **body["spec"]}
        notes = body.get("metadata", {}).get("annotations", {})
        meta["annotations"] = {**meta.get("annotations", {}), **notes}
        self.on_patch()
        return 200, one


@contextmanager
def serving(fake: FakeApi) -> Iterator[str]:
    """Its URL, for as long as it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            status, found = fake.answer(self.command, self.path, body)
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """A client that gave up is no event."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(folder: Path, server: str, namespace: str = "default") -> str:
    """The path of a kubeconfig for this server."""
    path = folder / "kubeconfig"
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": namespace}},
            {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "other"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    }
    path.write_text(yaml.safe_dump(text))
    return str(path)
