"""A small sysplex on a real control plane, and waiting that ends.

A test blocks; heartbeats, watches and the fault proxy live in an event loop beside it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import aiohttp
import pytest
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Api, Plane

from vipa.k8s import access, names
from vipa.k8s.client import ApiError, Client
from vipa.k8s.listing import pages, version_of
from vipa.rehearsal.stage import Stage

Object = dict[str, Any]
T = TypeVar("T")

WITHIN_S = 20.0
POLL_S = 0.02
QUIET_S = 0.4
KINDS = (
    "Pod",
    "Service",
    "EndpointSlice",
    "Sysplex",
    "Stack",
    "VIPA",
    "VIPABackup",
    "Event",
)
ADDRESSES = itertools.cycle(f"198.51.100.{n}" for n in range(1, 200))
NODE_NUMBERS = itertools.count(1)
PAUSE = threading.Event()


def pause(seconds: float = POLL_S) -> None:
    """Between two looks. Nothing ever sets the event."""
    PAUSE.wait(seconds)


def eventually(condition: Callable[[], T], within_s: float = WITHIN_S) -> T:
    """The first true answer. An AssertionError is a "not yet", and the last one is the verdict."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            found = condition()
            if found:
                return found
            complaint: AssertionError | None = None
        except AssertionError as error:
            complaint, found = error, None  # type: ignore[assignment]
        if time.monotonic() > deadline:
            if complaint is not None:
                raise complaint
            raise AssertionError(f"not within {within_s} s; at the end: {found!r}")
        pause()


def becomes(probe: Callable[[], T], wanted: T, within_s: float = WITHIN_S) -> None:
    """The probe gives this value in the end."""

    def same() -> bool:
        found = probe()
        assert found == wanted
        return True

    eventually(same, within_s)


def stays(probe: Callable[[], T], for_s: float) -> T:
    """The probe gives one and the same value all the time."""
    first, deadline = probe(), time.monotonic() + for_s
    while time.monotonic() < deadline:
        pause()
        assert probe() == first
    return first


class Background:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within_s: float = 30.0) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Term(NamedTuple):
    """What a record said at one moment; `kind` is the type of the watch event, `lease` the term of
    the leader that wrote it."""

    kind: str
    epoch: int
    owner: str
    uid: str
    ip: str
    fence: str
    lease: int

    @property
    def holder(self) -> tuple[str, str, str] | None:
        return (self.owner, self.uid, self.ip) if self.owner else None


def term_of(kind: str, record: Object) -> Term:
    notes = record["metadata"].get("annotations") or {}
    endpoint = next(iter(record.get("endpoints") or ()), {})
    ips = endpoint.get("addresses") or [""]
    owner, uid = notes.get(names.OWNER, ""), notes.get(names.OWNER_UID, "")
    epoch = int(notes.get(names.EPOCH, "-1"))
    lease = int(notes.get(names.TERM, "0"))
    return Term(kind, epoch, owner, uid, ips[0], notes.get(names.FENCE, ""), lease)


class BrokenPromise(Exception):
    """Of safety. Once is enough: no second try of the test may make up for it."""


class History:
    """Every state that the records of a namespace were in, watched at the API server itself."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._version = 0
        self._task: asyncio.Task[None] | None = None
        self.terms: dict[str, list[Term]] = {}
        self.gaps = 0

    async def open(self) -> None:
        await self._list()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _note(self, kind: str, record: Object) -> None:
        name = record["metadata"]["name"]
        if name.endswith(names.RECORD_SUFFIX):
            vipa = name.removesuffix(names.RECORD_SUFFIX)
            self.terms.setdefault(vipa, []).append(term_of(kind, record))

    async def _list(self) -> None:
        async for page in pages(self._client, "EndpointSlice", namespace=self._namespace):
            for record in page.items:
                self._note("LISTED", record)
            self._version = page.version

    async def _follow(self) -> None:
        while True:
            try:
                if not await self._watch():
                    self.gaps += 1
                    await self._list()
            except (ApiError, aiohttp.ClientError, OSError):
                await asyncio.sleep(0)

    async def _watch(self) -> bool:
        """Until the stream ends; False: the version is too old and something was missed."""
        path = names.path("EndpointSlice", self._namespace)
        query = {"watch": "1", "resourceVersion": str(self._version)}
        url = self._client.access.server + path
        forever = aiohttp.ClientTimeout(total=None)
        async with self._client.session.get(url, params=query, timeout=forever) as reply:
            if reply.status == 410:
                return False
            reply.raise_for_status()
            async for line in reply.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return False
                self._note(event["type"], event["object"])
                self._version = version_of(event["object"])
        return True

    def holders(self, vipa: str) -> list[tuple[int, str]]:
        """The terms of office, in order: epoch and owner, a release with an empty one."""
        found: list[tuple[int, str]] = []
        for term in self.terms.get(vipa, []):
            if term.kind != "DELETED" and (not found or found[-1] != (term.epoch, term.owner)):
                found.append((term.epoch, term.owner))
        return found

    def check(self, vipa: str = "web") -> None:
        """I1 and I2: the epoch rises by one with each new holder, and never otherwise; and no
        former leader writes after a later one."""
        assert self.gaps == 0, "the history has a gap: nothing can be said about it"
        try:
            self._hold(vipa)
        except AssertionError as error:
            raise BrokenPromise(str(error)) from None

    def _hold(self, vipa: str) -> None:
        held: tuple[str, str, str] | None = None
        epoch, lease, told = 0, 0, self.terms.get(vipa, [])
        for place, term in enumerate(told):
            assert term.lease >= lease, f"{term} after term {lease}: {told}"
            lease = term.lease
            if term.kind == "DELETED":
                held = None
                continue
            new = term.holder is not None and term.holder != held
            if place or term.kind != "LISTED":
                assert term.epoch == epoch + new, f"{term} after epoch {epoch}: {told}"
            assert not term.fence or term.fence.endswith(f".{term.epoch}"), term
            held, epoch = term.holder, term.epoch


def _version(raw: Object) -> str:
    notes = raw["metadata"].get("annotations") or {}
    if names.TERM not in notes:
        return str(raw["metadata"]["resourceVersion"])
    said = {key: value for key, value in notes.items() if key != names.TERM}
    return json.dumps([said, raw["metadata"]["labels"], raw["endpoints"], raw["ports"]])


class World:
    """One namespace: a Sysplex, nodes, pods, VIPAs."""

    def __init__(self, api: Api, namespace: str, background: Background, stage: Stage) -> None:
        self.api = api
        self.namespace = namespace
        self._background = background
        self._stage = stage
        self._client: Client = stage._client
        self._histories: list[History] = []

    # --- what people and kubelets do

    def create(self, kind: str, name: str, spec: Object | None = None, **meta: Any) -> Object:
        body: Object = {
            "apiVersion": names.KINDS[kind].api_version,
            "kind": kind,
            "metadata": {"name": name, **meta},
        }
        if spec is not None:
            body["spec"] = spec
        return self.post(body)

    def post(self, body: Object) -> Object:
        space = body["metadata"].get("namespace", self.namespace)
        status, found = self.api.request("POST", names.path(body["kind"], space), body)
        assert status == 201, found
        return found

    def patch(self, kind: str, name: str, body: Object, subresource: str = "") -> Object:
        """The object after it; one that the operator makes may come a moment later."""
        path = names.path(kind, self.namespace, name, subresource)

        def patched() -> Object:
            status, found = self.api.request("PATCH", path, body, names.MERGE)
            assert status == 200, found
            return found

        return eventually(patched)

    def delete(self, kind: str, name: str) -> None:
        status, found = self.api.request("DELETE", names.path(kind, self.namespace, name))
        assert status in (200, 202), found

    def plex(self, *stacks: str) -> None:
        """A Sysplex `plex1` and for each stack a node and a healthy pod."""
        self.create("Sysplex", "plex1", {"service": {"type": "LoadBalancer"}})
        for stack in stacks:
            self.pod(stack, self.node())

    def node(self) -> str:
        name = f"{self.namespace}-{next(NODE_NUMBERS)}"
        self._background.run(self._stage.node(name))
        return name

    def pod(self, name: str, node: str, **labels: str) -> None:
        marked = {names.SYSPLEX: "plex1", **labels}
        meta = {"name": name, "namespace": self.namespace, "labels": marked}
        # Short, because the namespace controller waits for half of it.
        spec = {
            "nodeName": node,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "stack"}],
        }
        self._background.run(self._stage.pod_from({"metadata": meta, "spec": spec}))
        ip = self._stage._next_ip()
        self._background.run(self._stage.pod_status(self.namespace, name, ready=True, ips=[ip]))

    def ready(self, pod: str, ready: bool) -> None:
        self._background.run(self._stage.pod_status(self.namespace, pod, ready=ready))

    def stop(self, pod: str) -> None:
        """Deleted with notice: it is terminating until it is `gone`."""
        self._background.run(self._stage.pod_stop(self.namespace, pod))

    def gone(self, pod: str) -> None:
        self._background.run(self._stage.pod_gone(self.namespace, pod))

    def kubelets(self) -> None:
        """End the pods that are told to."""
        for one in self.list("Pod"):
            if "deletionTimestamp" in one["metadata"]:
                self.gone(one["metadata"]["name"])

    def vipa(self, name: str = "web", **spec: Any) -> str:
        """A VIPA with sysa before sysb; its address."""
        wanted: Object = {
            "sysplex": "plex1",
            "address": next(ADDRESSES),
            "primary": "sysa",
            "backups": [{"stack": "sysb", "rank": 200}],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            **spec,
        }
        self.create("VIPA", name, {k: v for k, v in wanted.items() if v is not None})
        return str(wanted["address"])

    def active(self, name: str = "web", **spec: Any) -> str:
        """A VIPA that is on sysa, all of it told; its address."""
        address = self.vipa(name, **spec)
        becomes(lambda: self.owner(name), ("sysa", 1))
        becomes(lambda: self.status(name).get("state"), "Active")
        becomes(lambda: (name, "ACTIVE", 1) in self.annotated("sysa"), True)
        return address

    def put_record(self, record: Object) -> None:
        """As an administrator."""
        path = names.path("EndpointSlice", self.namespace, record["metadata"]["name"])
        status, found = self.api.request("PUT", path, record)
        assert status == 200, found

    # --- what is to be seen

    def get(self, kind: str, name: str) -> Object | None:
        status, found = self.api.request("GET", names.path(kind, self.namespace, name))
        assert status in (200, 404), found
        return found if status == 200 else None

    def list(self, kind: str, selector: str = "") -> list[Object]:
        query = (("labelSelector", selector),) if selector else ()
        status, found = self.api.request("GET", names.path(kind, self.namespace), query=query)
        assert status == 200, found
        return list(found["items"])

    def record(self, vipa: str = "web") -> Object:
        found = self.get("EndpointSlice", names.record_name(vipa))
        assert found is not None, f"no record of {vipa}"
        return found

    def owner(self, vipa: str = "web") -> tuple[str, int]:
        """Owner and epoch by the record."""
        term = term_of("", self.record(vipa))
        return term.owner, term.epoch

    def status(self, vipa: str = "web") -> Object:
        found = self.get("VIPA", vipa)
        assert found is not None
        return dict(found.get("status") or {})

    def condition(self, type_: str, vipa: str = "web", kind: str = "VIPA") -> str:
        """`status reason: message`, or nothing."""
        found = self.get(kind, vipa)
        assert found is not None
        for one in (found.get("status") or {}).get("conditions") or ():
            if one["type"] == type_:
                return f"{one['status']} {one['reason']}: {one['message']}"
        return ""

    def annotation(self, pod: str) -> str | None:
        found = self.get("Pod", pod)
        assert found is not None
        value = (found["metadata"].get("annotations") or {}).get(names.VIPAS)
        return None if value is None else str(value)

    def annotated(self, pod: str) -> list[tuple[str, str, int]]:
        try:
            entries = json.loads(self.annotation(pod) or "[]")
        except ValueError:
            return []
        return [(e["vipa"], e.get("status", ""), e["epoch"]) for e in entries]

    def service(self, name: str = "web") -> Object:
        """The Service, once its address is announced."""

        def announced() -> Object:
            found = self.get("Service", name) or {}
            assert found.get("status", {}).get("loadBalancer", {}).get("ingress")
            return found

        return eventually(announced)

    def slices(self, service: str = "web") -> list[str]:
        """What traffic to the Service follows."""
        found = self.list("EndpointSlice", f"{names.SERVICE_NAME}={service}")
        return sorted(one["metadata"]["name"] for one in found)

    def events(self, *reasons: str) -> list[str]:
        """`reason kind/name: message`, oldest first."""
        found = self.list("Event")
        found.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        lines = []
        for event in found:
            about = event["involvedObject"]
            if event["source"].get("component") == names.FIELD_MANAGER and (
                not reasons or event["reason"] in reasons
            ):
                name = f"{about['kind']}/{about['name']}"
                lines.append(f"{event['reason']} {name}: {event['message']}")
        return lines

    def versions(self) -> dict[str, str]:
        """Every object of the namespace that the operator may write, and its resourceVersion.

        Of a record all that it says but the term: a new leader marks every one with its own.
        """
        return {
            f"{kind}/{one['metadata']['name']}": _version(one)
            for kind in KINDS
            for one in self.list(kind)
        }

    def quiet(self, for_s: float = QUIET_S, within_s: float = 20.0) -> dict[str, str]:
        """Nothing of the namespace has been written for a while."""
        deadline = time.monotonic() + within_s
        found, since = self.versions(), time.monotonic()
        while time.monotonic() - since < for_s:
            pause(0.1)
            seen = self.versions()
            if seen != found:
                assert time.monotonic() < deadline, f"no rest: {seen.items() ^ found.items()}"
                found, since = seen, time.monotonic()
        return found

    def history(self) -> History:
        """From now on; the check needs it from the beginning of a VIPA or of a stable moment."""
        found = History(self._client, self.namespace)
        self._background.run(found.open())
        self._histories.append(found)
        return found

    def close(self) -> None:
        for history in self._histories:
            self._background.run(history.close())
        self._background.run(self._stage.strike())
        # Before the namespace is: an address is free again for the next test.
        for kind in ("VIPA", "EndpointSlice"):
            self.api.request("DELETE", names.path(kind, self.namespace))


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    found = Background()
    yield found
    found.close()


async def _client(kubeconfig: str) -> Client:
    return Client(await access.from_kubeconfig(kubeconfig))


@pytest.fixture(scope="session")
def stage_client(controlplane: Plane, background: Background) -> Iterator[Client]:
    client = background.run(_client(controlplane.kubeconfig))
    yield client
    background.run(client.close())


@contextmanager
def staged(api: Api, background: Background, client: Client, prefix: str = "w") -> Iterator[World]:
    """A world in a namespace of its own, taken down in the end."""
    namespace = f"{prefix}-{secrets.token_hex(3)}"
    status, body = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert status == 201, body
    stage = Stage(client)
    background.run(stage.open())
    found = World(api, namespace, background, stage)
    try:
        yield found
    finally:
        found.close()
        background.run(stage.close())
        api.request("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def world(api: Api, background: Background, stage_client: Client) -> Iterator[World]:
    with staged(api, background, stage_client) as found:
        yield found


@contextmanager
def operating(kubeconfig: str, *flags: str) -> Iterator[OperatorProcess]:
    """An operator, ready, ended in the end if it still runs."""
    process = OperatorProcess(kubeconfig, *flags)
    process.start()
    try:
        yield process
    finally:
        if process.running:
            process.end()


@pytest.fixture(scope="module")
def module_operator(controlplane: Plane) -> Iterator[OperatorProcess]:
    allowed = ("198.51.100.0/24", "2001:db8::/32", "10.0.0.0/16")
    flags = [part for cidr in allowed for part in ("--allowed-cidr", cidr)]
    with operating(controlplane.operator_kubeconfig, *flags) as found:
        yield found


@pytest.fixture
def shared_operator(module_operator: OperatorProcess) -> OperatorProcess:
    """One for all tests of a module; whoever ended it leaves it to the next one to start it."""
    if not module_operator.running:
        module_operator.start()
    return module_operator


@pytest.fixture
def town(world: World) -> Iterator[World]:
    """sysa, sysb, and a bystander on sysx, of whose record nothing is so much as touched
    but by a new leader's term."""
    world.plex("sysa", "sysb", "sysx")
    world.vipa("bystander", primary="sysx", backups=None)
    becomes(lambda: world.owner("bystander"), ("sysx", 1))
    becomes(lambda: world.status("bystander").get("state"), "Active")
    world.service("bystander")
    before = _version(world.record("bystander"))
    yield world
    assert _version(world.record("bystander")) == before


@pytest.fixture
def proxy(controlplane: Plane, background: Background) -> Iterator[FaultProxy]:
    found = FaultProxy(controlplane.operator_kubeconfig)
    background.run(found.open())
    yield found
    background.run(found.close())
