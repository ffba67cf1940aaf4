"""A stand-in for kubelet in one namespace: what pods of ours would run runs beside the test, with
the account, the arguments and the notice that the pod says.

So a Deployment becomes ready, a rollout goes on, a Job ends, and `helm --wait` means something.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.cluster.forked import Forked
from tests.cluster.operatorprocess import free_port
from tests.cluster.plane import Api

Object = dict[str, Any]
LOOK_EVERY_S = 0.1
STRATEGIC = "application/strategic-merge-patch+json"
OK = (200, 201, 202)


class Container:
    """The one process of a pod."""

    def __init__(self, pod: Object, kubeconfig: str) -> None:
        self.name: str = pod["metadata"]["name"]
        self.port = free_port()
        self.ready = False
        self.told = False
        self.arguments = self._arguments(pod["spec"]["containers"][0]["args"], kubeconfig)
        self._process = Forked(*self.arguments, env={"POD_NAMESPACE": pod["metadata"]["namespace"]})
        self.log = self._process.log

    def _arguments(self, given: list[str], kubeconfig: str) -> list[str]:
        """As the pod says, but each at a port of its own, since they share an address here."""
        own = {"--host": "127.0.0.1", "--port": str(self.port)}
        kept = [one for one in given if one.partition("=")[0] not in own]
        served = given[0] == "operator"
        more = [f"{flag}={value}" for flag, value in own.items()] if served else []
        return [*kept, *more, f"--kubeconfig={kubeconfig}"]

    @property
    def code(self) -> int | None:
        return self._process.code

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def tell(self) -> None:
        if not self.told:
            self._process.signal(signal.SIGTERM)
        self.told = True

    def close(self) -> None:
        self.tell()
        try:
            self._process.wait(10)
        except TimeoutError:
            self._process.signal(signal.SIGKILL)
            self._process.wait(10)


class Kubelet:
    """`kubeconfig(account)`: credentials of a ServiceAccount of the namespace. `node`: there, and
    reporting; without one a pod would be deleted without notice."""

    def __init__(
        self, api: Api, namespace: str, node: str, kubeconfig: Callable[[str], str]
    ) -> None:
        self._api = api
        self._node = node
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._kubeconfig = kubeconfig
        self._containers: dict[str, Container] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._forever)
        self.complaint = ""
        self.logs: dict[str, str] = {}

    def __enter__(self) -> Kubelet:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for one in self._containers.values():
            one.close()

    @property
    def running(self) -> list[Container]:
        return [one for one in self._containers.values() if one.code is None]

    def _forever(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                self._look()
            except (OSError, RuntimeError, KeyError, AssertionError) as error:
                self.complaint = repr(error)

    def _look(self) -> None:
        _, found = self._api.request("GET", self._pods)
        for uid in self._containers.keys() - {pod["metadata"]["uid"] for pod in found["items"]}:
            self._containers[uid].tell()
        for pod in found["items"]:
            uid = pod["metadata"]["uid"]
            one = self._containers.get(uid)
            if one is None and "deletionTimestamp" not in pod["metadata"]:
                self._begin(pod)
            elif one is None or ("deletionTimestamp" in pod["metadata"] and self._over(one)):
                self._gone(pod)
            elif "deletionTimestamp" not in pod["metadata"]:
                self._follow(pod, one)

    def _begin(self, pod: Object) -> None:
        account = pod["spec"]["serviceAccountName"]
        one = Container(pod, self._kubeconfig(account))
        self._containers[pod["metadata"]["uid"]] = one
        self._bind(pod)
        self._say(pod, "Running", ready=False)

    def _bind(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        target = {"apiVersion": "v1", "kind": "Node", "name": self._node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        code, answer = self._api.request("POST", f"{self._pods}/{name}/binding", body)
        assert code in OK, json.dumps(answer)

    def _follow(self, pod: Object, one: Container) -> None:
        if one.code is not None:
            self.logs[one.name] = one.log()
            self._say(pod, "Failed" if one.code else "Succeeded", ready=False)
        elif (ready := one.answers()) != one.ready:
            one.ready = ready
            self._say(pod, "Running", ready=ready)

    def _over(self, one: Container) -> bool:
        one.tell()
        return one.code is not None

    def _gone(self, pod: Object) -> None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        self._api.request("DELETE", f"{self._pods}/{pod['metadata']['name']}", options)

    def _say(self, pod: Object, phase: str, *, ready: bool) -> None:
        word = "True" if ready else "False"
        conditions = [{"type": kind, "status": word} for kind in ("Ready", "ContainersReady")]
        status = {"phase": phase, "conditions": conditions}
        path = f"{self._pods}/{pod['metadata']['name']}/status"
        with contextlib.suppress(OSError):
            code, body = self._api.request("PATCH", path, {"status": status}, STRATEGIC)
            assert code in (*OK, 404), json.dumps(body)
