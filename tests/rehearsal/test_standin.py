"""Who answers for pods without a network, and the way to the API server that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest
import yaml

from vipa.rehearsal.relay import Relay, led_to
from vipa.rehearsal.standin import Standin

WITHIN_S = 5.0
SILENT_S = 0.1


def go(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WITHIN_S):
            await work

    asyncio.run(bounded())


async def asked(address: str, line: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{line}\r\nHost: x\r\n\r\n".encode())
    return reader, writer


async def is_silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(SILENT_S):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("where", ["10.64.0.1:8080", "[fd00::1]:8080"])
def test_a_pod_that_hears_is_connected_and_says_200(where: str) -> None:
    async def work() -> None:
        standin = Standin()
        standin.answers = {"10.64.0.1", "fd00::1"}.__contains__
        reader, writer = await asked(await standin.open(), f"CONNECT {where} HTTP/1.1")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        assert len(standin.heard) == 1
        assert not standin.unheard
        writer.close()
        await standin.close()

    go(work())


@pytest.mark.parametrize("line", ["CONNECT 10.64.0.2:80 HTTP/1.1", "GET / HTTP/1.1", "?"])
def test_everybody_else_is_not_answered(line: str) -> None:
    async def work() -> None:
        standin = Standin()
        standin.answers = {"10.64.0.1"}.__contains__
        reader, writer = await asked(await standin.open(), line)
        assert await is_silent(reader)
        assert not standin.heard
        assert len(standin.unheard) == 1
        writer.close()
        await standin.close()

    go(work())


def test_since_when_a_pod_is_not_heard() -> None:
    async def work() -> None:
        standin = Standin()
        address = await standin.open()
        line, hears = "CONNECT 10.64.0.1:80 HTTP/1.1", set[str]()
        standin.answers = hears.__contains__
        for _ in range(2):
            reader, writer = await asked(address, line)
            assert await is_silent(reader)
            writer.close()
        first = dict(standin.unheard)
        reader, writer = await asked(address, line)
        assert await is_silent(reader)
        assert standin.unheard == first
        writer.close()
        hears.add("10.64.0.1")
        reader, writer = await asked(address, line)
        await reader.readline()
        assert not standin.unheard
        assert standin.heard["10.64.0.1"] > first["10.64.0.1"]
        writer.close()
        await standin.close()

    go(work())


CONFIG = """
current-context: a
clusters: [{name: a, cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.crt}}]
users: [{name: a, user: {client-certificate: /keys/a.crt, token: t}}]
"""


def test_the_kubeconfig_leads_to_the_relay_and_names_the_same_files(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(CONFIG)
    found = led_to(str(path), "https://127.0.0.1:1")
    cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
    assert cluster == {
        "server": "https://127.0.0.1:1",
        "certificate-authority": str(tmp_path / "ca.crt"),
    }
    assert user == {"client-certificate": "/keys/a.crt", "token": "t"}
    assert found["current-context"] == "a"


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data.upper())
    writer.close()


def test_a_relay_passes_on_is_cut_and_mended(tmp_path: Path) -> None:
    async def work() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        relay = Relay(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        path = tmp_path / "kubeconfig"
        path.write_text(CONFIG)
        copy = Path(await relay.open(str(path)))
        port = port_in(copy)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"abc")
        assert await reader.read(10) == b"ABC"
        relay.cut()
        assert not await _whatever(reader)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"abc")
        assert not await _whatever(reader)
        writer.close()
        relay.mend()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"abc")
        assert await reader.read(10) == b"ABC"
        writer.close()
        await relay.close()
        server.close()
        await server.wait_closed()
        copies.append(copy)

    copies: list[Path] = []
    go(work())
    assert not copies[0].exists()


def port_in(kubeconfig: Path) -> int:
    url = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    return int(url.rpartition(":")[2])


async def _whatever(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(10)
    except ConnectionError:
        return b""
