"""What only a real API server can tell: that it takes our records, and how it answers them.

Everything is written as the operator's ServiceAccount, so RBAC and admission policies have their
say too, and read back as it stands then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.codec.wire import MOVE, Wire

from vipa.core import actions as act
from vipa.core.cluster import Slice
from vipa.core.record import Record, RecordPort
from vipa.k8s import names


@pytest.fixture
def record(wire: Wire) -> Record:
    return Record(
        vipa=wire.key("web"),
        vipa_uid=wire.vipa(),
        owner="sysa",
        owner_uid="6f1c2d2e-0f6b-4a52-8f3c-2a9d3a0f4b11",
        ip="10.1.0.5",
        pod="sysa-0",
        node="n1",
        zone="zone-a",
        epoch=1,
        prefix=1763841600,
        term=3,
        address="198.51.100.10",
        domain="zone-a",
        service="web",
        ports=(RecordPort("http", "TCP", 8080), RecordPort("dns", "UDP", 53)),
        last_move=MOVE,
    )


def written(wire: Wire, record: Record, status: int = 201) -> Record:
    assert wire.send(act.WriteRecord(key=record.vipa, record=record)) == [status]
    found = wire.read("EndpointSlice", "web-owner")
    assert isinstance(found, Record)
    return found


def test_record_reads_back_as_it_was_written(wire: Wire, record: Record) -> None:
    assert written(wire, record).says_as(record)


def test_record_without_owner_ports_and_service(wire: Wire, record: Record) -> None:
    bare = Record(vipa=record.vipa, vipa_uid=record.vipa_uid, address="2001:db8::10", epoch=4)
    assert written(wire, bare).says_as(bare)


def test_record_moves_in_one_guarded_write(wire: Wire, record: Record) -> None:
    first = written(wire, record)
    moved = replace(first, owner="sysb", owner_uid="u2", ip="10.1.0.6", epoch=2, ports=())
    second = written(wire, moved, 200)
    assert second.says_as(moved)
    assert second.version != first.version
    assert wire.send(act.WriteRecord(key=record.vipa, record=moved)) == [409]


def test_record_is_released_and_keeps_its_epoch(wire: Wire, record: Record) -> None:
    first = written(wire, record)
    free = replace(
        first, owner="", owner_uid="", ip="", pod="", node="", zone="", ports=(), domain=""
    )
    assert written(wire, free, 200).says_as(free)


def test_record_that_exists_is_not_created_over(wire: Wire, record: Record) -> None:
    written(wire, record)
    assert wire.send(act.WriteRecord(key=record.vipa, record=record)) == [409]


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"labels": {names.SERVICE_NAME: None}}},
        {"metadata": {"labels": {names.VIPA: "other"}}},
        {"metadata": {"annotations": {names.FENCE: "1.1"}}},
        {"metadata": {"annotations": {"sysplex.dev/more": "1"}}},
        {"metadata": {"ownerReferences": None}},
        {"endpoints": [{"addresses": ["10.1.0.5"], "conditions": {"ready": False}}]},
        {"ports": []},
    ],
)
def test_record_edited_by_hand_is_repaired(
    wire: Wire, record: Record, patch: dict[str, Any]
) -> None:
    written(wire, record)
    wire.edit("EndpointSlice", "web-owner", patch)
    found = wire.read("EndpointSlice", "web-owner")
    assert not found.says_as(record)
    repaired = replace(record, version=found.version, uid=found.uid)
    assert written(wire, repaired, 200).says_as(record)


def test_labels_and_annotations_of_others_do_not_matter(wire: Wire, record: Record) -> None:
    written(wire, record)
    patch = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["e/f"]}}
    wire.edit("EndpointSlice", "web-owner", patch)
    assert wire.read("EndpointSlice", "web-owner").says_as(record)
    wire.edit("EndpointSlice", "web-owner", {"metadata": {"finalizers": None}})


def test_record_is_deleted_by_uid(wire: Wire, record: Record) -> None:
    found = written(wire, record)
    assert wire.send(act.DeleteRecord(key=record.vipa, uid="another")) == [409]
    assert wire.send(act.DeleteRecord(key=record.vipa, uid=found.uid)) == [200]


def test_foreign_slice_is_read_and_deleted(wire: Wire) -> None:
    metadata = {"labels": {names.SERVICE_NAME: "web", names.MANAGED_BY: "me"}}
    uid = wire.create("EndpointSlice", "web-x", metadata=metadata, addressType="IPv4", endpoints=[])
    key = wire.key("web-x")
    found = Slice(key=key, uid=uid, service="web", managed_by="me")
    assert wire.read("EndpointSlice", "web-x") == found
    assert wire.send(act.DeleteSlice(key=key, uid=uid)) == [200]
