"""The API server, asked without the product: a wrong client would agree with its own mistakes."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

Raw = dict[str, Any]
SILENT_S = 5.0  # a watch sends nothing for so long: ask anew, the server may be gone


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
