"""A control plane for tests, started by `hack/controlplane`, and clients of it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlparse

import yaml

CLONE = Path(__file__).resolve().parents[2]
TOOL = [sys.executable, str(CLONE / "hack" / "controlplane")]


def tool(*arguments: str) -> str:
    """The last line that the tool prints; its complaint as an error."""
    done = subprocess.run([*TOOL, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"controlplane {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@dataclass(frozen=True)
class Plane:
    """One control plane with the product's CRDs on it."""

    name: str
    kubeconfig: str
    operator_kubeconfig: str

    def stop(self, part: str) -> None:
        tool("stop", self.name, part)

    def start(self, part: str) -> None:
        tool("start", self.name, part)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises with its complaint."""
        done = subprocess.run(
            [*TOOL, "kubectl", self.name, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout


class Api:
    """A blocking client: (status, body) for everything that the server answers."""

    def __init__(self, kubeconfig: str, headers: dict[str, str] | None = None) -> None:
        raw = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = raw["clusters"][0]["cluster"], raw["users"][0]["user"]
        self._url = urlparse(cluster["server"])
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._tls = _context(cluster)
        if "client-certificate" in user:
            self._tls.load_cert_chain(user["client-certificate"], user["client-key"])
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        query: tuple[tuple[str, str], ...] = (),
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPSConnection(
            self._url.hostname or "", self._url.port, context=self._tls, timeout=30
        )
        if query:
            path = f"{path}{'&' if '?' in path else '?'}{urlencode(query)}"
        headers = {**self._headers, "Content-Type": content_type}
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        try:
            found = json.loads(raw)
        except ValueError:
            found = {"message": raw.decode(errors="replace")}
        return answer.status, found if isinstance(found, dict) else {"items": found}


def _context(cluster: dict[str, Any]) -> ssl.SSLContext:
    if "certificate-authority" in cluster:
        return ssl.create_default_context(cafile=cluster["certificate-authority"])
    data = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return ssl.create_default_context(cadata=data)
