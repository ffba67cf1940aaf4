"""Bad input hurts only itself (I9): it gets a clear message, and everything else goes on.

The messages are held word for word, because they are what a person has to go by. In each test a
bystander keeps the resourceVersion of its record: nothing of it was so much as touched.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.cluster.background import Background
from tests.cluster.plane import Api
from tests.cluster.world import Object, World, staged
from tests.waiting import becomes, eventually, stays

from vipa.k8s import names
from vipa.k8s.client import Client

pytestmark = pytest.mark.usefixtures("shared_operator")
# Outside of those that worlds give to their VIPAs.
OF_NODE, OF_SERVICE, OF_INGRESS = "198.51.100.201", "198.51.100.202", "198.51.100.203"
POD_CIDR, IN_POD_CIDR = "198.51.100.240/28", "198.51.100.241"


def refused(world: World, name: str, condition: str) -> None:
    becomes(lambda: world.condition("Accepted", name), condition)
    assert world.status(name)["state"] == "Rejected"
    assert world.get("EndpointSlice", names.record_name(name)) is None
    assert world.get("Service", name) is None


# --- addresses


def test_two_vipas_with_one_address(town: World) -> None:
    address = town.active()
    town.vipa("twin", address=address)

    held = f"{address} is held by VIPA {town.namespace}/web; it comes free when that one is deleted"
    refused(town, "twin", f"False AddressInUse: {held}")
    assert town.owner() == ("sysa", 1)

    town.delete("VIPA", "web")
    becomes(lambda: town.owner("twin"), ("sysa", 1))


def test_one_address_in_two_namespaces(
    town: World, api: Api, background: Background, stage_client: Client
) -> None:
    address = town.active()
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
    address = town.active()
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


def test_foreign_service_of_our_name(town: World) -> None:
    foreign = town.create("Service", "web", {"ports": [{"port": 80}]})
    town.active()

    text = f"Service {town.namespace}/web is not this operator's: set spec.service.name to a free"
    becomes(lambda: town.condition("ServiceConflict"), f"True ServiceConflict: {text} name")
    town.quiet()
    now = town.get("Service", "web")
    assert now is not None
    assert now["metadata"]["resourceVersion"] == foreign["metadata"]["resourceVersion"]
    assert names.SERVICE_NAME not in town.record()["metadata"]["labels"]
    assert town.slices() == []

    town.delete("Service", "web")
    town.service()
    becomes(lambda: town.condition("ServiceConflict"), "")
    becomes(town.slices, ["web-owner"])
    assert town.owner() == ("sysa", 1)


def test_service_of_another_vipa(town: World) -> None:
    town.active()
    town.service()
    town.vipa("second", service={"name": "web"})

    text = f"Service {town.namespace}/web belongs to VIPA web: set spec.service.name to a free name"
    becomes(lambda: town.condition("ServiceConflict", "second"), f"True ServiceConflict: {text}")
    town.quiet()
    assert town.slices() == ["web-owner"]
    assert town.owner("second") == ("sysa", 1)


def test_something_has_the_name_of_the_record(town: World) -> None:
    body = {
        "metadata": {"name": "web-owner"},
        "addressType": "IPv4",
        "endpoints": [],
        "ports": [],
    }
    path = names.path("EndpointSlice", town.namespace)
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
    town.active()
    town.service()
    before = town.record()["metadata"]["resourceVersion"]
    labels = {names.SERVICE_NAME: "web", names.MANAGED_BY: "example.com"}
    body = {
        "metadata": {"name": "web-more", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.7"]}],
        "ports": [{"name": "http", "port": 8080}],
    }
    status, found = town.api.request("POST", names.path("EndpointSlice", town.namespace), body)
    assert status == 201, found

    becomes(town.slices, ["web-owner"])
    assert town.record()["metadata"]["resourceVersion"] == before
    becomes(lambda: town.condition("ServiceConflict"), "")


def test_selector_on_our_service(town: World) -> None:
    """The stock controllers write slices for it, which go; in the end there is ours alone."""
    town.active()
    town.service()
    before = town.record()["metadata"]["resourceVersion"]
    town.patch("Service", "web", {"spec": {"selector": {names.SYSPLEX: "plex1"}}})

    becomes(lambda: (town.get("Service", "web") or {})["spec"].get("selector"), None)
    becomes(town.slices, ["web-owner"])
    # Their work may come late, more than once: each time it is undone.
    town.quiet(for_s=3)
    assert town.slices() == ["web-owner"]
    assert town.record()["metadata"]["resourceVersion"] == before
    becomes(lambda: town.condition("ServiceConflict"), "")
    assert endpoints(town) is None


def endpoints(world: World) -> Object | None:
    path = f"/api/v1/namespaces/{world.namespace}/endpoints/web"
    status, found = world.api.request("GET", path)
    return found if status == 200 else None


def test_endpoints_of_our_name(town: World) -> None:
    """Made by a user, so only named: the mirrored slice would come back as long as it is there."""
    town.active()
    town.service()
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
    becomes(town.slices, ["web-owner"])
