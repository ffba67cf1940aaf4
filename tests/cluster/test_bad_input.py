"""Bad input hurts only itself (I9): it gets a clear message, and everything else goes on.

The messages are held word for word, because they are what a person has to go by. In each test a
bystander keeps the resourceVersion of its record: nothing of it was so much as touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.cluster.operatorprocess import OperatorProcess
from tests.cluster.plane import Api, Plane
from tests.cluster.world import (
    Background,
    Object,
    World,
    becomes,
    eventually,
    operating,
    staged,
    stays,
)

from vipa.k8s import names
from vipa.k8s.client import Client

ALLOWED = ("198.51.100.0/24", "2001:db8::/32", "10.0.0.0/16")
# Outside of those that worlds give to their VIPAs.
OF_NODE, OF_SERVICE, OF_INGRESS = "198.51.100.201", "198.51.100.202", "198.51.100.203"
POD_CIDR, IN_POD_CIDR = "198.51.100.240/28", "198.51.100.241"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"


@pytest.fixture(scope="module")
def process(controlplane: Plane) -> Iterator[OperatorProcess]:
    flags = [part for cidr in ALLOWED for part in ("--allowed-cidr", cidr)]
    with operating(controlplane.operator_kubeconfig, *flags) as found:
        yield found


@pytest.fixture(autouse=True)
def operator(process: OperatorProcess) -> OperatorProcess:
    if not process.running:
        process.start()
    return process


@pytest.fixture
def town(world: World) -> Iterator[World]:
    """sysa, sysb, and a bystander on sysx."""
    world.plex("sysa", "sysb", "sysx")
    world.vipa("bystander", primary="sysx", backups=None)
    becomes(lambda: world.owner("bystander"), ("sysx", 1))
    becomes(lambda: world.status("bystander").get("state"), "Active")
    service_of(world, "bystander")
    before = world.record("bystander")["metadata"]["resourceVersion"]
    yield world
    assert world.record("bystander")["metadata"]["resourceVersion"] == before


def service_of(world: World, name: str = "web") -> Object:
    """The Service, once its address is announced."""

    def announced() -> Object:
        found = world.get("Service", name) or {}
        assert found.get("status", {}).get("loadBalancer", {}).get("ingress")
        return found

    return eventually(announced)


def active(world: World, name: str = "web", **spec: Any) -> str:
    """A VIPA that is on sysa, all of it told; its address."""
    address = world.vipa(name, **spec)
    becomes(lambda: world.owner(name), ("sysa", 1))
    becomes(lambda: world.status(name).get("state"), "Active")
    becomes(lambda: (name, "ACTIVE", 1) in world.annotated("sysa"), True)
    return address


def refused(world: World, name: str, condition: str) -> None:
    becomes(lambda: world.condition("Accepted", name), condition)
    assert world.status(name)["state"] == "Rejected"
    assert world.get("EndpointSlice", names.record_name(name)) is None
    assert world.get("Service", name) is None


# --- addresses


def test_two_vipas_with_one_address(town: World) -> None:
    address = active(town)
    town.vipa("twin", address=address)

    held = f"{address} is held by VIPA {town.namespace}/web; it comes free when that one is deleted"
    refused(town, "twin", f"False AddressInUse: {held}")
    assert town.owner() == ("sysa", 1)

    town.delete("VIPA", "web")
    becomes(lambda: town.owner("twin"), ("sysa", 1))


def test_one_address_in_two_namespaces(
    town: World, api: Api, background: Background, stage_client: Client
) -> None:
    address = active(town)
    with staged(api, background, stage_client) as other:
        other.plex("sysa")
        other.vipa("web", address=address)

        holder = f"{town.namespace}/web"
        text = f"{address} is held by VIPA {holder}; it comes free when that one is deleted"
        refused(other, "web", f"False AddressInUse: {text}")
        assert town.owner() == ("sysa", 1)

        town.delete("VIPA", "web")
        becomes(other.owner, ("sysa", 1))


def test_address_that_is_not_allowed(town: World) -> None:
    town.vipa(address="203.0.113.9")
    text = f"203.0.113.9 is outside of what namespace {town.namespace} may claim"
    refused(town, "web", f"False AddressNotAllowed: {text}; see the operator's --allowed-cidr")


def of_node(world: World) -> str:
    node = world.node()
    status = {"addresses": [{"type": "InternalIP", "address": OF_NODE}]}
    path = names.path("Node", name=node, subresource="status")
    code, found = world.api.request("PATCH", path, {"status": status}, names.MERGE)
    assert code == 200, found
    return f"{OF_NODE} is an address of node {node}"


def of_pods(world: World) -> str:
    node = world.node()
    spec = {"spec": {"podCIDR": POD_CIDR, "podCIDRs": [POD_CIDR]}}
    code, found = world.api.request("PATCH", names.path("Node", name=node), spec, names.MERGE)
    assert code == 200, found
    return f"{IN_POD_CIDR} is in the pod CIDR {POD_CIDR} of a node"


def of_external_ips(world: World) -> str:
    world.create("Service", "theirs", {"ports": [{"port": 80}], "externalIPs": [OF_SERVICE]})
    return f"{OF_SERVICE} is an address of Service {world.namespace}/theirs"


def of_load_balancer(world: World) -> str:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "loadBalancerClass": "example.com/x"}
    world.create("Service", "theirs", spec)
    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": OF_INGRESS}]}}}
    world.patch("Service", "theirs", ingress, "status")
    return f"{OF_INGRESS} is an address of Service {world.namespace}/theirs"


def of_services(world: World) -> str:
    return "10.0.200.200 is in the Service CIDR 10.0.0.0/16"


@pytest.mark.parametrize(
    "whose", [of_node, of_pods, of_external_ips, of_load_balancer, of_services]
)
def test_address_of_the_cluster(town: World, whose: Callable[[World], str]) -> None:
    text = whose(town)
    address = text.partition(" ")[0]
    town.vipa(address=address)

    remedy = "choose an address outside of the cluster's own"
    refused(town, "web", f"False AddressInUse: {text}; {remedy}")


def test_a_service_takes_the_address_of_a_vipa(town: World) -> None:
    """Whoever may make a Service must not thereby take a VIPA down."""
    address = active(town)
    before = town.quiet()
    town.create("Service", "thief", {"ports": [{"port": 80}], "externalIPs": [address]})

    stays(lambda: town.record()["metadata"]["resourceVersion"], 1)
    after = town.quiet()
    assert {k: v for k, v in after.items() if k != "Service/thief"} == before


# --- names that nobody has


def test_unknown_names(town: World) -> None:
    """A warning: the rest of the object takes effect."""
    town.vipa(backups=[{"stack": "nil", "rank": 250}])
    ranking = [{"stack": "sysb", "rank": 100}, {"stack": "nix", "rank": 50}]
    spec = {"sysplex": "plex1", "vipas": ["web", "void"], "ranking": ranking}
    town.create("VIPABackup", "rank", spec)

    unseen = "True UnknownStack: no stack of this name has been seen: "
    becomes(lambda: town.condition("UnknownStack"), unseen + "nil")
    becomes(lambda: town.condition("UnknownStack", "rank", "VIPABackup"), unseen + "nix")
    becomes(
        lambda: town.condition("UnknownVIPA", "rank", "VIPABackup"),
        "True UnknownVIPA: there is no VIPA of this name: void",
    )
    becomes(town.owner, ("sysa", 1))
    town.ready("sysa", False)
    becomes(town.owner, ("sysb", 2))

    town.pod("nix", town.node())
    becomes(lambda: town.condition("UnknownStack", "rank", "VIPABackup"), "")
    assert town.owner() == ("sysb", 2)


def test_unknown_sysplex(town: World) -> None:
    town.vipa(sysplex="plex9")
    text = f"there is no Sysplex plex9 in namespace {town.namespace}"
    becomes(lambda: town.condition("Accepted"), f"Unknown NoSuchSysplex: {text}")
    assert town.status()["state"] == "Pending"

    town.create("Sysplex", "plex9", {"service": {"type": "None"}})
    eventually(lambda: town.condition("Accepted").startswith("True Accepted"))


def test_label_that_names_no_stack(town: World) -> None:
    """A Warning on the pod, which is then no stack."""
    before = sorted(one["metadata"]["name"] for one in town.list("Stack"))
    town.pod("odd", town.node(), **{names.STACK: "Not_A_Name"})

    event = eventually(lambda: town.events("InvalidStackName"))
    assert len(event) == 1
    assert event[0].startswith("InvalidStackName Pod/odd: ")
    assert "Not_A_Name" in event[0]
    town.quiet()
    assert sorted(one["metadata"]["name"] for one in town.list("Stack")) == before


# --- what stands where our Service or slice should be


def slices(world: World, service: str = "web") -> list[str]:
    found = world.list("EndpointSlice", f"{names.SERVICE_NAME}={service}")
    return sorted(one["metadata"]["name"] for one in found)


def test_foreign_service_of_our_name(town: World) -> None:
    foreign = town.create("Service", "web", {"ports": [{"port": 80}]})
    active(town)

    text = f"Service {town.namespace}/web is not this operator's: set spec.service.name to a free"
    becomes(lambda: town.condition("ServiceConflict"), f"True ServiceConflict: {text} name")
    town.quiet()
    now = town.get("Service", "web")
    assert now is not None
    assert now["metadata"]["resourceVersion"] == foreign["metadata"]["resourceVersion"]
    assert names.SERVICE_NAME not in town.record()["metadata"]["labels"]
    assert slices(town) == []

    town.delete("Service", "web")
    service_of(town)
    becomes(lambda: town.condition("ServiceConflict"), "")
    becomes(lambda: slices(town), ["web-owner"])
    assert town.owner() == ("sysa", 1)


def test_service_of_another_vipa(town: World) -> None:
    active(town)
    service_of(town)
    town.vipa("second", service={"name": "web"})

    text = f"Service {town.namespace}/web belongs to VIPA web: set spec.service.name to a free name"
    becomes(lambda: town.condition("ServiceConflict", "second"), f"True ServiceConflict: {text}")
    town.quiet()
    assert slices(town) == ["web-owner"]
    assert town.owner("second") == ("sysa", 1)


def test_something_has_the_name_of_the_record(town: World) -> None:
    body = {
        "metadata": {"name": "web-owner"},
        "addressType": "IPv4",
        "endpoints": [],
        "ports": [],
    }
    path = SLICES.format(town.namespace)
    status, found = town.api.request("POST", path, body)
    assert status == 201, found
    town.vipa()

    text = f"EndpointSlice {town.namespace}/web-owner has the record's name: delete it"
    becomes(lambda: town.condition("ServiceConflict"), f"True ServiceConflict: {text}")
    town.quiet()
    now = town.get("EndpointSlice", "web-owner") or {}
    assert now["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]

    town.delete("EndpointSlice", "web-owner")
    becomes(town.owner, ("sysa", 1))
    becomes(lambda: town.condition("ServiceConflict"), "")


def test_foreign_slice_of_our_service(town: World) -> None:
    active(town)
    service_of(town)
    before = town.record()["metadata"]["resourceVersion"]
    labels = {names.SERVICE_NAME: "web", names.MANAGED_BY: "example.com"}
    body = {
        "metadata": {"name": "web-more", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.7"]}],
        "ports": [{"name": "http", "port": 8080}],
    }
    status, found = town.api.request("POST", SLICES.format(town.namespace), body)
    assert status == 201, found

    becomes(lambda: slices(town), ["web-owner"])
    assert town.record()["metadata"]["resourceVersion"] == before
    becomes(lambda: town.condition("ServiceConflict"), "")


def test_selector_on_our_service(town: World) -> None:
    """The stock controllers write slices for it, which go; in the end there is ours alone."""
    active(town)
    service_of(town)
    before = town.record()["metadata"]["resourceVersion"]
    town.patch("Service", "web", {"spec": {"selector": {names.SYSPLEX: "plex1"}}})

    becomes(lambda: (town.get("Service", "web") or {})["spec"].get("selector"), None)
    becomes(lambda: slices(town), ["web-owner"])
    # Their work may come late, more than once: each time it is undone.
    town.quiet(for_s=3)
    assert slices(town) == ["web-owner"]
    assert town.record()["metadata"]["resourceVersion"] == before
    becomes(lambda: town.condition("ServiceConflict"), "")
    assert endpoints(town) is None


def endpoints(world: World) -> Object | None:
    path = f"/api/v1/namespaces/{world.namespace}/endpoints/web"
    status, found = world.api.request("GET", path)
    return found if status == 200 else None


def test_endpoints_of_our_name(town: World) -> None:
    """Made by a user, so only named: the mirrored slice would come back as long as it is there."""
    active(town)
    service_of(town)
    before = town.record()["metadata"]["resourceVersion"]
    subsets = [{"addresses": [{"ip": "192.0.2.9"}], "ports": [{"name": "http", "port": 8080}]}]
    path = f"/api/v1/namespaces/{town.namespace}/endpoints"
    body = {"metadata": {"name": "web"}, "subsets": subsets}
    status, found = town.api.request("POST", path, body)
    assert status == 201, found

    text = f"Endpoints {town.namespace}/web adds endpoints to the Service: delete that object"
    becomes(lambda: town.condition("ServiceConflict"), f"True ServiceConflict: {text}")
    assert town.record()["metadata"]["resourceVersion"] == before
    town.quiet()

    status, found = town.api.request("DELETE", f"{path}/web")
    assert status == 200, found
    becomes(lambda: town.condition("ServiceConflict"), "")
    becomes(lambda: slices(town), ["web-owner"])


# --- edited or deleted by hand


def test_annotation_edited_and_deleted(town: World) -> None:
    active(town)
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
    active(town)
    service_of(town)
    history = town.history()
    town.quiet()
    before = said(town.record())
    edited = town.record()
    edit(edited)
    put(town, edited)

    becomes(lambda: said(town.record()), before)
    town.quiet()
    assert town.owner() == ("sysa", 1)
    history.check()


def said(record: Object) -> Object:
    meta = {key: record["metadata"].get(key) for key in ("labels", "annotations")}
    reference = [one["uid"] for one in record["metadata"].get("ownerReferences") or ()]
    return {**meta, "of": reference, "endpoints": record["endpoints"], "ports": record["ports"]}


def put(world: World, record: Object) -> None:
    path = SLICES.format(world.namespace) + "/web-owner"
    status, found = world.api.request("PUT", path, record)
    assert status == 200, found


def test_record_without_its_owner_reference(town: World) -> None:
    """It may be a former VIPA's: never adopted, but written anew with the next epoch."""
    active(town)
    history = town.history()
    edited = town.record()
    fence = edited["metadata"]["annotations"][names.FENCE]
    del edited["metadata"]["ownerReferences"]
    put(town, edited)

    becomes(town.owner, ("sysa", 2))
    assert town.record()["metadata"]["annotations"][names.FENCE] == fence[:-1] + "2"
    assert [one["name"] for one in town.record()["metadata"]["ownerReferences"]] == ["web"]
    becomes(lambda: slices(town), ["web-owner"])
    history.check()


def test_service_edited(town: World) -> None:
    """Ports and announced address come back; what others add beside is theirs."""
    address = active(town)
    before = said_service(service_of(town))
    town.quiet()
    ports = [{"name": "x", "port": 81, "targetPort": 1}]
    town.patch("Service", "web", {"spec": {"ports": ports, "sessionAffinity": "ClientIP"}})
    becomes(lambda: said_service(service_of(town)), before)

    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    town.patch("Service", "web", ingress, "status")
    becomes(lambda: said_service(service_of(town)), before)
    assert before["ingress"] == [address]

    town.patch("Service", "web", {"metadata": {"annotations": {"example.com/mine": "1"}}})
    town.quiet()
    assert service_of(town)["metadata"]["annotations"]["example.com/mine"] == "1"
    assert town.owner() == ("sysa", 1)


def said_service(service: Object) -> Object:
    spec, status = service["spec"], service["status"]["loadBalancer"]["ingress"]
    kept = {key: spec.get(key) for key in ("ports", "type", "sessionAffinity", "selector")}
    return {**kept, "ingress": [one["ip"] for one in status]}


def test_service_without_its_owner_reference(town: World) -> None:
    """Made anew, so that the garbage collector knows again whose it is."""
    active(town)
    service_of(town)
    town.patch("Service", "web", {"metadata": {"ownerReferences": None}})

    becomes(lambda: [one["name"] for one in references(town)], ["web"])
    becomes(lambda: town.condition("ServiceConflict"), "")
    becomes(lambda: slices(town), ["web-owner"])
    assert town.owner() == ("sysa", 1)


def references(world: World) -> list[Object]:
    return list(service_of(world)["metadata"].get("ownerReferences") or ())


def test_service_deleted(town: World) -> None:
    active(town)
    uid = service_of(town)["metadata"]["uid"]
    before = town.record()["metadata"]["resourceVersion"]
    town.delete("Service", "web")

    becomes(lambda: service_of(town)["metadata"]["uid"] != uid, True)
    assert town.record()["metadata"]["resourceVersion"] == before
    assert slices(town) == ["web-owner"]


def test_status_edited(town: World) -> None:
    active(town)
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
    active(town)
    path = names.path("VIPA", town.namespace, "web", "status")
    for body in ({"status": {"epoch": 0}}, {"status": {"epoch": None}}, {"status": None}):
        status, found = town.api.request("PATCH", path, body, names.MERGE)
        assert status == 422, found
        assert "status.epoch never goes down" in found["message"]


def test_epoch_in_the_status_raised(town: World) -> None:
    """It cannot go down again; so the record goes on from there, and both say the same again."""
    active(town)
    town.patch("VIPA", "web", {"status": {"epoch": 7}}, "status")
    town.ready("sysa", False)

    becomes(lambda: town.owner()[0], "sysb")
    becomes(lambda: town.status()["owner"]["stack"], "sysb")
    assert town.status()["epoch"] == town.owner()[1]


def test_stack_status_edited_and_stack_deleted(town: World) -> None:
    """A verdict that somebody wrote is no fact: nothing moves."""
    active(town)
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
    active(town)
    town.ready("sysa", False)
    becomes(town.owner, ("sysb", 2))
    record = town.record()
    record["metadata"]["annotations"][names.EPOCH] = "1"
    path = SLICES.format(town.namespace) + "/web-owner"
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
    active(town, moveable="Manual")
    put(town, given_to(town, "sysb", 10))

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
    active(town, moveable="Manual")
    town.pod("extra", town.node())
    if stack == "sysb":
        town.vipa("spare", primary="sysb", backups=None)  # so that it has a reason to be there
        becomes(lambda: town.owner("spare"), ("sysb", 1))
        town.ready("sysb", False)
        becomes(lambda: town.owner("spare")[0], "")
    town.quiet()
    put(town, given_to(town, stack, 10))

    becomes(town.owner, ("sysa", 11))
    conflicts(town, 10)
    becomes(lambda: town.annotated("sysa")[-1:], [("web", "ACTIVE", 11)])
    becomes(lambda: town.status()["epoch"], 11)


@pytest.mark.parametrize("down", [False, True])
def test_record_deleted(town: World, operator: OperatorProcess, down: bool) -> None:
    """Written anew: same owner, next epoch, also by an operator that never saw the old one."""
    active(town, moveable="Manual")
    town.ready("sysa", False)
    becomes(town.owner, ("sysb", 2))
    town.ready("sysa", True)
    becomes(lambda: town.status().get("epoch"), 2)
    town.quiet()
    history = town.history()
    if down:
        operator.kill()
    town.delete("EndpointSlice", "web-owner")
    if down:
        operator.start()

    becomes(lambda: town.get("EndpointSlice", "web-owner") is not None, True)
    becomes(town.owner, ("sysb", 3))
    becomes(lambda: town.status()["epoch"], 3)
    history.check()
