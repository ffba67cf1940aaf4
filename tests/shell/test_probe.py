"""One probe, against real sockets."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vipa.core.resources import Probe
from vipa.shell import dialling, wire
from vipa.shell.dialling import Dial
from vipa.shell.probe import ask, status_in
from vipa.shell.wire import RESET, Exhausted

LONG = 10.0
SHORT = 0.1
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(scene: Coroutine[Any, Any, str]) -> str:
    """On the loop that the operator runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(scene)


@asynccontextmanager
async def listening(
    serve: Serve, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server of these words; its port."""

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError):
            await serve(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(each, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def probed(  # noqa: PLR0913 - one keyword for each thing that a test may turn
    serve: Serve,
    *,
    scheme: str = "HTTP",
    path: str = "/",
    timeout: float = LONG,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    dial: Dial = dialling.direct,
) -> str:
    async def scene() -> str:
        async with listening(serve, host=host, tls=tls) as port:
            return await ask(dial, host, Probe(port, scheme, path), timeout)

    return run(scene())


def saying(*pieces: bytes, pause: float = 0.0) -> Serve:
    """Reads the question, answers in these pieces, and ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            with suppress(TimeoutError):  # a slow peer: it waits, the test does not
                await asyncio.wait_for(reader.read(), pause)

    return serve


def repeating(head: bytes, piece: bytes) -> Serve:
    """Answers without end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return serve


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and then hangs for as long as somebody is there."""
    while await reader.read(4096):
        pass


async def ends_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes its half of the connection and goes on listening."""
    writer.write_eof()
    await mute(reader, writer)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def wrong_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed by itself, for another name, and expired; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.example")])
    then = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(then)
        .not_valid_after(then + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(wrong_certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(wrong_certificate)
    return context


# TCP


def test_accepted_connection_is_an_answer() -> None:
    assert probed(mute, scheme="") == ""


def test_connection_that_the_peer_closes_at_once_is_an_answer_by_tcp() -> None:
    assert probed(ends_at_once, scheme="") == ""


def test_closed_port_is_refused() -> None:
    assert run(ask(dialling.direct, "127.0.0.1", Probe(free_port()), LONG)) == "connection refused"


def test_target_that_takes_no_connection_is_silent() -> None:
    async def scene() -> str:
        with socket.socket() as full, socket.socket() as one, socket.socket() as two:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for filler in (one, two):  # a full backlog drops what comes next
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            port = full.getsockname()[1]
            return await ask(dialling.direct, "127.0.0.1", Probe(port), SHORT)

    assert run(scene()) == "no answer within 100 ms"


def test_address_without_a_route_says_so() -> None:
    # The kernel itself refuses a connection to everybody, without any packet.
    said = run(ask(dialling.direct, "255.255.255.255", Probe(80), SHORT))
    assert said in ("network is unreachable", "permission denied")


def test_ipv6_target_is_asked() -> None:
    assert probed(mute, scheme="", host="::1") == ""
    assert probed(saying(b"HTTP/1.1 200 OK\r\n\r\n"), host="::1") == ""


def test_own_lack_of_sockets_is_no_word_about_the_target() -> None:
    async def scene() -> str:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            return await ask(dialling.direct, "127.0.0.1", Probe(80), LONG)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    with pytest.raises(Exhausted, match="Too many open files"):
        run(scene())


def test_probe_leaves_no_connection_behind() -> None:
    async def scene() -> str:
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
                ended = "orderly"
            except ConnectionResetError:
                ended = "reset"
            seen.append(ended)
            gone.set()

        seen: list[str] = []
        async with listening(serve) as port:
            await ask(dialling.direct, "127.0.0.1", Probe(port), LONG)
            await asyncio.wait_for(gone.wait(), LONG)
            return seen[0]

    assert run(scene()) == "reset"


# HTTP


@pytest.mark.parametrize("status", [200, 204, 301, 302, 399])
def test_status_below_400_is_an_answer_and_redirects_are_not_followed(status: int) -> None:
    where = b"Location: http://127.0.0.1:1/\r\n"
    assert probed(saying(b"HTTP/1.1 %d Fine\r\n%b\r\n" % (status, where))) == ""


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_status_from_400_names_itself(status: int) -> None:
    assert probed(saying(b"HTTP/1.1 %d Oh no\r\n\r\n" % status)) == f"HTTP {status}"


def test_question_is_an_http_request_of_one_connection() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        await writer.drain()
        await reader.read()

    assert probed(serve, path="/health z\r\nX: y?a=%20b") == ""
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /health%20z%0D%0AX:%20y?a=%20b HTTP/1.1"
    assert lines[1].startswith("Host: 127.0.0.1:")
    assert {"User-Agent: sysplex-vipa-monitor", "Connection: close"} <= set(lines)


def test_process_that_hangs_is_connected_but_silent() -> None:
    assert probed(mute, timeout=SHORT) == "connected, but no answer within 100 ms"


def test_half_closed_connection_is_no_answer() -> None:
    assert probed(ends_at_once) == "connection closed without an answer"


def test_answer_that_is_cut_off_is_none() -> None:
    assert probed(saying(b"HTTP/1.1 20")) == "connection closed without an answer"


def test_connection_reset_says_so() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    assert probed(serve) == "connection reset"


def test_slow_answer_counts_if_its_status_is_there_in_time() -> None:
    pieces = (b"HT", b"TP/1", b".1 2", b"00 OK\r", b"\n")
    assert probed(saying(*pieces, pause=0.01)) == ""


def test_answer_that_trickles_in_past_the_timeout_is_none() -> None:
    said = probed(saying(*[b"HTTP/1.1 200 OK"[i : i + 1] for i in range(15)], pause=1), timeout=0.2)
    assert said == "connected, but no answer within 200 ms"


def test_endless_body_does_not_hold_up_a_probe() -> None:
    assert probed(repeating(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)) == ""


def test_endless_headers_do_not_hold_up_a_probe() -> None:
    assert probed(repeating(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 1000)) == ""


def test_endless_status_line_is_given_up() -> None:
    assert probed(repeating(b"HTTP/1.1 ", b"x" * 65536)) == "no HTTP status within 10 KiB"


def test_endless_interim_answers_are_given_up() -> None:
    said = probed(repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert said == "no HTTP status within 10 KiB"


def test_garbage_is_shown() -> None:
    assert (
        probed(saying(b"SSH-2.0-OpenSSH_9.6\r\n")) == "no HTTP, it says 'SSH-2.0-OpenSSH_9.6\\r\\n'"
    )


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", None),
        (b"HTTP", None),
        (b"HTTP/1.1 200", None),
        (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/1.1 200\n", 200),
        (b"HTTP/1.1 103 Hints\r\n", None),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n", 404),
        (b"HTTP/1.1 101 Switching\r\n", 101),
    ],
)
def test_status_is_read_from_what_has_come(head: bytes, status: int | None) -> None:
    assert status_in(head) == status


@pytest.mark.parametrize("line", [b"HTTP/1.1\r\n", b"HTTP/1.1 2000 OK\r\n", b"HTTP/1.1 abc\r\n"])
def test_status_line_without_a_status_is_no_answer(line: bytes) -> None:
    assert probed(saying(line)) == "a status line without a status"


# HTTPS


def test_wrong_certificate_is_not_looked_at(tls: ssl.SSLContext) -> None:
    answer = saying(b"HTTP/1.1 200 OK\r\n\r\n")
    assert probed(answer, scheme="HTTPS", tls=tls) == ""
    assert probed(saying(b"HTTP/1.1 500 No\r\n\r\n"), scheme="HTTPS", tls=tls) == "HTTP 500"


def test_endless_body_over_tls_does_not_hold_up_a_probe(tls: ssl.SSLContext) -> None:
    endless = repeating(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)
    assert probed(endless, scheme="HTTPS", tls=tls) == ""


def test_endless_status_line_over_tls_is_given_up(tls: ssl.SSLContext) -> None:
    endless = repeating(b"HTTP/1.1 ", b"x" * 65536)
    assert probed(endless, scheme="HTTPS", tls=tls) == "no HTTP status within 10 KiB"


def test_tls_that_ends_without_an_answer_says_so(tls: ssl.SSLContext) -> None:
    said = probed(saying(), scheme="HTTPS", tls=tls)
    assert said == "connection closed without an answer"


def test_hung_process_behind_tls_is_connected_but_silent(tls: ssl.SSLContext) -> None:
    said = probed(mute, scheme="HTTPS", tls=tls, timeout=0.5)
    assert said == "connected, but no answer within 500 ms"


def test_plain_http_where_tls_is_expected_names_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    assert probed(serve, scheme="HTTPS").startswith("TLS failed: ")


def test_peer_that_ends_amid_the_handshake_names_tls() -> None:
    assert probed(ends_at_once, scheme="HTTPS").startswith("TLS failed: ")


def test_peer_that_never_shakes_hands_is_connected_but_silent() -> None:
    said = probed(mute, scheme="HTTPS", timeout=SHORT)
    assert said == "connected, but no answer within 100 ms"


def test_plain_question_to_a_tls_server_is_no_answer(tls: ssl.SSLContext) -> None:
    assert probed(mute, scheme="HTTP", tls=tls) != ""


# Where there is no epoll


def test_without_epoll_the_loop_itself_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HAS_EPOLL", False)
    assert probed(saying(b"HTTP/1.1 20", b"4 Fine\r\n\r\n", pause=0.01)) == ""
    assert probed(mute, timeout=SHORT) == "connected, but no answer within 100 ms"


# The stand-in


def standing_in(words: bytes) -> str:
    """What a probe says where the proxy answers so to CONNECT."""

    async def scene() -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append((await reader.readuntil(b"\r\n\r\n")).splitlines()[0])
            writer.write(words)
            await writer.drain()
            if words.split()[1:2] == [b"200"]:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 503 Away\r\n\r\n")
            await mute(reader, writer)

        asked: list[bytes] = []
        async with listening(serve) as port:
            dial = dialling.from_environment({dialling.PROXY: f"127.0.0.1:{port}"})
            said = await ask(dial, "fd00::7", Probe(8080, "HTTP"), 1.0 if words else SHORT)
        assert asked == [b"CONNECT [fd00::7]:8080 HTTP/1.1"]
        return said

    return run(scene())


def test_stand_in_connects_refuses_and_is_silent() -> None:
    assert standing_in(b"HTTP/1.1 200 OK\r\n\r\n") == "HTTP 503"
    assert standing_in(b"HTTP/1.1 502 Bad Gateway\r\n\r\n") == "connection refused"
    assert standing_in(b"") == "no answer within 100 ms"


def test_stand_in_that_says_anything_else_is_named() -> None:
    assert "SYSPLEX_PROBE_PROXY answered" in standing_in(b"HTTP/1.1 418 Tea\r\n\r\n")


def test_without_a_stand_in_the_stacks_are_asked_directly() -> None:
    assert dialling.from_environment({}) is dialling.direct


@pytest.mark.parametrize("value", ["here", ":80", "host:"])
def test_stand_in_that_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        dialling.from_environment({dialling.PROXY: value})
