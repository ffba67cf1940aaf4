"""What must outlive a record, whoever deletes it: its epoch, and the fences of its name (I2)."""

from __future__ import annotations

from dataclasses import replace

from vipa.core.record import Record, Remembered
from vipa.core.snapshot import Memory


def copied(memory: Memory) -> Memory:
    """A memory of its own: planning past an action changes what it is given."""
    return replace(
        memory,
        verdicts=dict(memory.verdicts),
        joins=dict(memory.joins),
        tallies=dict(memory.tallies),
        renewed=dict(memory.renewed),
        holding=dict(memory.holding),
        doubted=dict(memory.doubted),
        silent=dict(memory.silent),
        behind=dict(memory.behind),
        records=dict(memory.records),
        prefixes=dict(memory.prefixes),
    )


def seen(memory: Memory, record: Record) -> None:
    """A record is there, by our own write or by a watch. The highest epoch stays, also after an
    administrator wrote the record anew with a lower one."""
    known = memory.records.get(record.vipa_uid)
    epoch = max(record.epoch, known.epoch if known else 0)
    memory.records[record.vipa_uid] = Remembered(
        epoch, record.prefix, record.owner, record.owner_uid, record.domain
    )


def gone(memory: Memory, record: Record) -> None:
    """A record is gone: no fence of this name may ever be as low again."""
    before = memory.prefixes.get(record.vipa, -1)
    memory.prefixes[record.vipa] = max(before, record.prefix)


def released(memory: Memory, vipa_uid: str) -> None:
    """The operator itself deleted the record: epoch and fence go on, owner and domain do not."""
    known = memory.records.get(vipa_uid)
    if known is not None:
        memory.records[vipa_uid] = Remembered(known.epoch, known.prefix)


def adopt(memory: Memory) -> None:
    """Forget what is only our opinion: the verdicts in the statuses are those of the leader that
    was, and ours begin with them (I4)."""
    memory.verdicts.clear()
    memory.joins.clear()
    memory.tallies.clear()
    memory.believed = frozenset()
    memory.holding.clear()
    memory.doubted.clear()
    memory.silent.clear()
