"""Our own kinds: each status reads back as it was written, and meets no other object."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cluster.codec.wire import MOVE, NOW, READY, Wire

from vipa.core import actions as act
from vipa.core.record import Move
from vipa.core.resources import (
    Backup,
    ChainEntry,
    OwnerRef,
    Phase,
    Stack,
    StackStatus,
    StackVipa,
    Sysplex,
    SysplexStatus,
    Vipa,
    VipaStack,
    VipaStatus,
)


def test_stack_is_created_and_deleted(wire: Wire) -> None:
    key = wire.key("sysa")
    assert wire.send(act.CreateStack(key=key, sysplex="plex1")) == [201]
    assert wire.send(act.CreateStack(key=key, sysplex="plex2")) == [409]
    found = wire.read("Stack", "sysa")
    assert isinstance(found, Stack)
    assert (found.sysplex, found.default, found.issues) == ("plex1", True, ())
    assert wire.send(act.DeleteStack(key=key, uid="another")) == [409]
    assert wire.send(act.DeleteStack(key=key, uid=found.uid)) == [200]


FULL = VipaStatus(
    address="198.51.100.10",
    state="Active",
    owner=OwnerRef("sysb", "sysb-0", "u2", "10.1.0.6", "n2"),
    epoch=2,
    fence="1763841600.2",
    active_since=NOW,
    origin="VIPABACKUP",
    domain="zone-a",
    last_move=MOVE,
    seconds=0.25,
    chain=(ChainEntry("sysb", 200, True, "Eligible"), ChainEntry("sysa", 255, False, "NotReady")),
    stacks=(VipaStack("sysb", "ACTIVE", "VIPABACKUP", 200), VipaStack("sysa", "", "", 0, "DEST")),
    conditions=(READY, replace(READY, type="Active", message="sysb owns the address")),
)


@pytest.mark.parametrize(
    "status",
    [
        FULL,
        replace(FULL, owner=None, conditions=(READY,), chain=(), stacks=(), domain=""),
        replace(FULL, last_move=Move("sysb", "", "OwnerGone", NOW), seconds=None, origin=""),
        replace(FULL, owner=OwnerRef("sysa", "", "", "", ""), active_since=""),
        VipaStatus(epoch=2, state="Pending"),
    ],
)
def test_vipa_status_reads_back_whatever_was_there_before(wire: Wire, status: VipaStatus) -> None:
    wire.vipa()
    for one in (status, FULL, status):
        assert wire.send(
            act.WriteVipaStatus(key=wire.key("web"), uid=wire.uid("VIPA", "web"), status=one)
        ) == [200]
        found = wire.read("VIPA", "web")
        assert isinstance(found, Vipa)
        assert found.status == one
        assert not found.issues


def test_vipa_that_was_never_active_has_epoch_none(wire: Wire) -> None:
    wire.vipa()
    assert wire.read("VIPA", "web").status == VipaStatus()
    status = VipaStatus(state="Inactive", epoch=0)
    assert wire.send(
        act.WriteVipaStatus(key=wire.key("web"), uid=wire.uid("VIPA", "web"), status=status)
    ) == [200]
    assert wire.read("VIPA", "web").status == status


def test_statuses_of_the_group_read_back(wire: Wire) -> None:
    wire.create("Sysplex", "plex1")
    wire.create("Stack", "sysa", spec={"sysplex": "plex1"})
    ranking = {"sysplex": "plex1", "vipas": ["web"], "ranking": [{"stack": "sysb"}]}
    wire.create("VIPABackup", "ring", spec=ranking)
    for conditions in ((READY,), (READY, replace(READY, type="NotSupported")), ()):
        plex = SysplexStatus(stacks=2, active=1, vipas=0, joins=7, conditions=conditions)
        stack = StackStatus(
            phase=Phase.ACTIVE,
            reason="Eligible",
            message="pod sysa-0 is Ready",
            since=NOW,
            pod="sysa-0",
            pod_uid="u1",
            pod_ip="10.1.0.5",
            node="n1",
            zone="zone-a",
            join_number=7,
            vipas=(StackVipa("web", "198.51.100.10", "ACTIVE"), StackVipa("db", "", "", "DIST")),
            vipas_total=2,
            conditions=conditions,
        )
        sent = (
            act.WriteSysplexStatus(
                key=wire.key("plex1"), uid=wire.uid("Sysplex", "plex1"), status=plex
            ),
            act.WriteStackStatus(key=wire.key("sysa"), uid=wire.uid("Stack", "sysa"), status=stack),
            act.WriteBackupStatus(
                key=wire.key("ring"), uid=wire.uid("VIPABackup", "ring"), conditions=conditions
            ),
        )
        assert [wire.send(one) for one in sent] == [[200], [200], [200]]
        found = wire.read("Sysplex", "plex1"), wire.read("Stack", "sysa")
        assert isinstance(found[0], Sysplex)
        assert (found[0].status, found[1].status) == (plex, stack)
        backup = wire.read("VIPABackup", "ring")
        assert isinstance(backup, Backup)
        assert backup.conditions == conditions
        assert [one.issues for one in (*found, backup)] == [(), (), ()]


def test_status_does_not_meet_the_next_object_of_the_name(wire: Wire) -> None:
    wire.vipa()
    late = act.WriteVipaStatus(key=wire.key("web"), uid="another", status=VipaStatus(epoch=7))
    assert wire.send(late)[0] in (409, 422)
    assert wire.read("VIPA", "web").status == VipaStatus()


def test_status_written_by_hand_is_gone_after_ours(wire: Wire) -> None:
    wire.vipa()
    uid = wire.uid("VIPA", "web")
    alien = replace(READY, type="Alien")
    by_hand = replace(FULL, domain="elsewhere", conditions=(alien,))
    bare = VipaStatus(state="Inactive", epoch=2, conditions=(READY,))
    for status in (by_hand, bare):
        write = act.WriteVipaStatus(key=wire.key("web"), uid=uid, status=status)
        assert wire.send(write) == [200]
    assert wire.read("VIPA", "web").status == bare


def test_status_of_what_is_gone_creates_nothing(wire: Wire) -> None:
    action = act.WriteVipaStatus(key=wire.key("gone"), uid="", status=VipaStatus(state="Pending"))
    assert wire.send(action) == [404]
