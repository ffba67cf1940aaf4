"""What people edit or delete by hand is repaired, and no epoch is given twice for it.

A bystander keeps the resourceVersion of its record in each test.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Api
from tests.cluster.world import Object, World
from tests.waiting import becomes

from vipa.k8s import names

pytestmark = pytest.mark.usefixtures("shared_operator")


def test_annotation_edited_and_deleted(town: World) -> None:
    town.active()
    for value in (None, "[]", "no JSON", json.dumps([{"vipa": "web", "epoch": 99}])):
        town.patch("Pod", "sysa", {"metadata": {"annotations": {names.VIPAS: value}}})
        becomes(lambda: town.annotated("sysa"), [("web", "ACTIVE", 1)])
    assert town.owner() == ("sysa", 1)


def test_annotation_of_somebody_elses_pod(town: World) -> None:
    """A pod of the group that owns nothing says nothing."""
    value = json.dumps([{"vipa": "web", "epoch": 99}])
    town.pod("extra", town.node())
    town.patch("Pod", "extra", {"metadata": {"annotations": {names.VIPAS: value}}})
    becomes(lambda: town.annotation("extra"), None)


def no_service(record: Object) -> None:
    del record["metadata"]["labels"][names.SERVICE_NAME]


def not_ready(record: Object) -> None:
    record["endpoints"][0]["conditions"]["ready"] = False


def other_ports(record: Object) -> None:
    record["ports"] = [{"name": "http", "protocol": "TCP", "port": 9999}]


def second_endpoint(record: Object) -> None:
    record["endpoints"].append({"addresses": ["192.0.2.8"], "conditions": {"ready": True}})


def no_address(record: Object) -> None:
    record["metadata"]["annotations"][names.ADDRESS] = "192.0.2.1"


def no_fence(record: Object) -> None:
    del record["metadata"]["annotations"][names.FENCE]


@pytest.mark.parametrize(
    "edit",
    [no_service, not_ready, other_ports, second_endpoint, no_address, no_fence],
)
def test_record_edited(town: World, edit: Callable[[Object], None]) -> None:
    """By an administrator: repaired without a new term of office."""
    town.active()
    town.service()
    history = town.history()
    town.quiet()
    before = said(town.record())
    edited = town.record()
    edit(edited)
    town.put_record(edited)

    becomes(lambda: said(town.record()), before)
    town.quiet()
    assert town.owner() == ("sysa", 1)
    history.check()


def said(record: Object) -> Object:
    meta = {key: record["metadata"].get(key) for key in ("labels", "annotations")}
    reference = [one["uid"] for one in record["metadata"].get("ownerReferences") or ()]
    return {**meta, "of": reference, "endpoints": record["endpoints"], "ports": record["ports"]}


def test_record_without_its_owner_reference(town: World) -> None:
    """It may be a former VIPA's: never adopted, but written anew with the next epoch."""
    town.active()
    history = town.history()
    edited = town.record()
    fence = edited["metadata"]["annotations"][names.FENCE]
    del edited["metadata"]["ownerReferences"]
    town.put_record(edited)

    becomes(town.owner, ("sysa", 2))
    assert town.record()["metadata"]["annotations"][names.FENCE] == fence[:-1] + "2"
    assert [one["name"] for one in town.record()["metadata"]["ownerReferences"]] == ["web"]
    becomes(town.slices, ["web-owner"])
    history.check()


def test_service_edited(town: World) -> None:
    """Ports and announced address come back; what others add beside is theirs."""
    address = town.active()
    before = said_service(town.service())
    town.quiet()
    ports = [{"name": "x", "port": 81, "targetPort": 1}]
    town.patch("Service", "web", {"spec": {"ports": ports, "sessionAffinity": "ClientIP"}})
    becomes(lambda: said_service(town.service()), before)

    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    town.patch("Service", "web", ingress, "status")
    becomes(lambda: said_service(town.service()), before)
    assert before["ingress"] == [address]

    town.patch("Service", "web", {"metadata": {"annotations": {"example.com/mine": "1"}}})
    town.quiet()
    assert town.service()["metadata"]["annotations"]["example.com/mine"] == "1"
    assert town.owner() == ("sysa", 1)


def said_service(service: Object) -> Object:
    spec, status = service["spec"], service["status"]["loadBalancer"]["ingress"]
    kept = {key: spec.get(key) for key in ("ports", "type", "sessionAffinity", "selector")}
    return {**kept, "ingress": [one["ip"] for one in status]}


def test_service_without_its_owner_reference(town: World) -> None:
    """Made anew, so that the garbage collector knows again whose it is."""
    town.active()
    town.service()
    town.patch("Service", "web", {"metadata": {"ownerReferences": None}})

    becomes(lambda: [one["name"] for one in references(town)], ["web"])
    becomes(lambda: town.condition("ServiceConflict"), "")
    becomes(town.slices, ["web-owner"])
    assert town.owner() == ("sysa", 1)


def references(world: World) -> list[Object]:
    return list(world.service()["metadata"].get("ownerReferences") or ())


def test_service_deleted(town: World) -> None:
    town.active()
    uid = town.service()["metadata"]["uid"]
    before = town.record()["metadata"]["resourceVersion"]
    town.delete("Service", "web")

    becomes(lambda: town.service()["metadata"]["uid"] != uid, True)
    assert town.record()["metadata"]["resourceVersion"] == before
    assert town.slices() == ["web-owner"]


def test_status_edited(town: World) -> None:
    town.active()
    town.quiet()
    before = town.status()
    owner = {"stack": "nil", "pod": "nil", "podUID": "0", "podIP": "192.0.2.1", "node": "nil"}
    lies = {"state": "Rejected", "owner": owner, "chain": None, "conditions": None, "domain": "x"}
    town.patch("VIPA", "web", {"status": lies}, "status")

    becomes(lambda: without_times(town.status()), without_times(before))
    assert town.owner() == ("sysa", 1)


def without_times(status: Object) -> Object:
    conditions = [{**one, "lastTransitionTime": ""} for one in status.get("conditions") or ()]
    return {**status, "conditions": conditions, "lastMove": None}


def test_epoch_in_the_status_lowered(town: World) -> None:
    town.active()
    path = names.path("VIPA", town.namespace, "web", "status")
    for body in ({"status": {"epoch": 0}}, {"status": {"epoch": None}}, {"status": None}):
        status, found = town.api.request("PATCH", path, body, names.MERGE)
        assert status == 422, found
        assert "status.epoch never goes down" in found["message"]


def test_epoch_in_the_status_raised(town: World) -> None:
    """It cannot go down again; so the record goes on from there, and both say the same again."""
    town.active()
    town.patch("VIPA", "web", {"status": {"epoch": 7}}, "status")
    town.ready("sysa", False)

    becomes(lambda: town.owner()[0], "sysb")
    becomes(lambda: town.status()["owner"]["stack"], "sysb")
    assert town.status()["epoch"] == town.owner()[1]


def test_stack_status_edited_and_stack_deleted(town: World) -> None:
    """A verdict that somebody wrote is no fact: nothing moves."""
    town.active()
    town.quiet()
    version = town.record()["metadata"]["resourceVersion"]
    lies = {"phase": "Failed", "reason": "NotReady", "pod": "nil"}
    town.patch("Stack", "sysa", {"status": lies}, "status")
    phase = lambda: ((town.get("Stack", "sysa") or {}).get("status") or {}).get("phase")  # noqa: E731
    becomes(phase, "Active")

    town.delete("Stack", "sysa")
    becomes(phase, "Active")
    town.quiet()
    assert town.record()["metadata"]["resourceVersion"] == version


def test_lower_epoch_refused(town: World) -> None:
    """By the API server itself, also for an administrator."""
    town.active()
    town.ready("sysa", False)
    becomes(town.owner, ("sysb", 2))
    record = town.record()
    record["metadata"]["annotations"][names.EPOCH] = "1"
    path = names.path("EndpointSlice", town.namespace, "web-owner")
    status, found = town.api.request("PUT", path, record)
    assert status == 422, found
    assert "the epoch of a record never goes down: sysplex.dev/epoch is 2" in found["message"]
    assert town.owner() == ("sysb", 2)


def test_operator_may_not_patch_a_pod(town: World, operator_api: Api) -> None:
    """Whoever steals its token can neither exchange an image nor change a label."""
    path = names.path("Pod", town.namespace, "sysa")
    image = {"spec": {"containers": [{"name": "stack", "image": "evil.invalid/x"}]}}
    label = {"metadata": {"labels": {"app": "web"}}}
    for body, what in ((image, "the spec"), (label, "the labels")):
        status, found = operator_api.request(
            "PATCH", path, body, "application/strategic-merge-patch+json"
        )
        assert status == 403, found
        text = f"the operator may not change {what} of a pod, only the annotation sysplex.dev/vipas"
        assert text in found["message"]


# --- records that an administrator writes


def given_to(world: World, stack: str, epoch: int) -> Object:
    """The record with another owner and a higher epoch, as a person would write it."""
    record, pod = world.record(), world.get("Pod", stack)
    uid = pod["metadata"]["uid"] if pod else "nobody"
    record["metadata"]["annotations"] |= {
        names.OWNER: stack,
        names.OWNER_UID: uid,
        names.EPOCH: str(epoch),
    }
    target = {"kind": "Pod", "namespace": world.namespace, "name": stack, "uid": uid}
    ip = pod["status"]["podIP"] if pod else "192.0.2.5"
    record["endpoints"][0] |= {"addresses": [ip], "targetRef": target}
    return record


def conflicts(world: World, epoch: int) -> None:
    """One event, and it says what was found."""
    becomes(lambda: len(world.events("Conflict")), 1)
    address = world.status()["address"]
    text = f"VIPA {address}: the record was written by somebody else, epoch {epoch}"
    assert world.events("Conflict") == [f"Conflict VIPA/web: {text}"]


def test_record_given_to_a_candidate(town: World) -> None:
    """Adopted: the terms go on from there."""
    town.active(moveable="Manual")
    town.put_record(given_to(town, "sysb", 10))

    becomes(lambda: town.annotated("sysb")[-1:], [("web", "ACTIVE", 10)])
    conflicts(town, 10)
    becomes(lambda: (town.status()["owner"]["stack"], town.status()["epoch"]), ("sysb", 10))
    town.quiet()
    assert town.owner() == ("sysb", 10)
    assert town.record()["metadata"]["annotations"][names.FENCE].endswith(".10")
    assert town.annotation("sysa") is None

    town.ready("sysb", False)
    becomes(town.owner, ("sysa", 11))


@pytest.mark.parametrize("stack", ["ghost", "extra", "sysb"])
def test_record_given_to_no_candidate(town: World, stack: str) -> None:
    """No pod; a pod that is not in the chain; one that is not Ready: overruled."""
    town.active(moveable="Manual")
    town.pod("extra", town.node())
    if stack == "sysb":
        town.vipa("spare", primary="sysb", backups=None)  # so that it has a reason to be there
        becomes(lambda: town.owner("spare"), ("sysb", 1))
        town.ready("sysb", False)
        becomes(lambda: town.owner("spare")[0], "")
    town.quiet()
    town.put_record(given_to(town, stack, 10))

    becomes(town.owner, ("sysa", 11))
    conflicts(town, 10)
    becomes(lambda: town.annotated("sysa")[-1:], [("web", "ACTIVE", 11)])
    becomes(lambda: town.status()["epoch"], 11)


@pytest.mark.parametrize("down", [False, True])
def test_record_deleted(town: World, shared_operator: OperatorProcess, down: bool) -> None:
    """Written anew: same owner, next epoch, also by an operator that never saw the old one."""
    town.active(moveable="Manual")
    town.ready("sysa", False)
    becomes(town.owner, ("sysb", 2))
    town.ready("sysa", True)
    becomes(lambda: town.status().get("epoch"), 2)
    town.quiet()
    history = town.history()
    if down:
        shared_operator.kill()
    town.delete("EndpointSlice", "web-owner")
    if down:
        shared_operator.start()

    becomes(lambda: town.get("EndpointSlice", "web-owner") is not None, True)
    becomes(town.owner, ("sysb", 3))
    becomes(lambda: town.status()["epoch"], 3)
    history.check()
