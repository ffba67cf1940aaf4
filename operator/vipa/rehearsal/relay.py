"""The operator's way to the API server, which a rehearsal can cut.

Bytes are passed on as they are, so that TLS, account and priority are the operator's own. The
certificate of the API server has to hold for 127.0.0.1, where the relay is: in a cluster made for
rehearsals it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

CHUNK = 1 << 16
FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
HERE = "127.0.0.1"


class Relay:
    """`cut` ends every connection and refuses new ones, until `mend`."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._scheme = parts.scheme
        self._target = parts.hostname or "", parts.port or 443
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.StreamWriter] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._path = ""
        self.whole = True

    async def open(self, kubeconfig: str) -> str:
        """The path of a kubeconfig that leads here and says else what the given one says."""
        self._server = await asyncio.start_server(self._connected, HERE, 0)
        port = self._server.sockets[0].getsockname()[1]
        found = led_to(kubeconfig, f"{self._scheme}://{HERE}:{port}")
        handle, self._path = tempfile.mkstemp(prefix="vipa-rehearsal-", suffix=".kubeconfig")
        with os.fdopen(handle, "w") as file:
            yaml.safe_dump(found, file)
        return self._path

    def cut(self) -> None:
        self.whole = False
        for writer in self._ways:
            writer.transport.abort()

    def mend(self) -> None:
        self.whole = True

    async def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await asyncio.gather(*self._work, return_exceptions=True)
            await self._server.wait_closed()
        if self._path:
            os.unlink(self._path)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._work.add(task)
        try:
            if self.whole:
                await self._between(reader, writer)
        finally:
            self._work.discard(task)
            writer.transport.abort()

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, out = await asyncio.open_connection(*self._target)
        except OSError:
            return
        both = {writer, out}
        self._ways |= both
        try:
            if self.whole:  # it may have been cut while we connected
                await asyncio.gather(_pass_on(reader, out), _pass_on(there, writer))
        finally:
            self._ways -= both
            out.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()


def led_to(kubeconfig: str, server: str) -> dict[str, Any]:
    """The kubeconfig with every cluster at this server; files that it names are named from here."""
    folder = Path(kubeconfig).resolve().parent
    found: dict[str, Any] = yaml.safe_load(Path(kubeconfig).read_text())
    for part, inner in (("clusters", "cluster"), ("users", "user")):
        for one in found.get(part) or ():
            said = one[inner]
            if inner == "cluster":
                said["server"] = server
            for key in FILES:
                if key in said:
                    said[key] = str(folder / said[key])
    return found
