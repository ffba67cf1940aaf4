"""What an operator remembers over its rounds, as the loop in the shell does it.

Statuses and records in the API are the truth; this is what bridges the time until they are there,
and the loss of a record.
"""

from __future__ import annotations

from dataclasses import replace

from vipa.core import actions as act
from vipa.core.inventory import Inventory
from vipa.core.record import Record, Remembered
from vipa.core.snapshot import Memory


def copied(memory: Memory) -> Memory:
    """A memory of its own: planning past an action changes what it is given."""
    return replace(
        memory,
        verdicts=dict(memory.verdicts),
        joins=dict(memory.joins),
        records=dict(memory.records),
        prefixes=dict(memory.prefixes),
    )


def of(record: Record) -> Remembered:
    return Remembered(record.epoch, record.prefix, record.owner, record.owner_uid, record.domain)


def seen(memory: Memory, record: Record) -> None:
    """A record is there, by our own write or by a watch."""
    memory.records[record.vipa_uid] = of(record)


def gone(memory: Memory, record: Record) -> None:
    """A record is gone, whoever deleted it: no fence of this name may ever be as low again."""
    before = memory.prefixes.get(record.vipa, -1)
    memory.prefixes[record.vipa] = max(before, record.prefix)


def released(memory: Memory, record: Record) -> None:
    """The operator itself deleted the record: epoch and fence go on, owner and domain do not."""
    gone(memory, record)
    memory.records[record.vipa_uid] = Remembered(record.epoch, record.prefix)


def acted(memory: Memory, before: Inventory, action: act.Action) -> None:
    """What is remembered of an action that is about to be carried out on this world."""
    match action:
        case act.WriteRecord():
            seen(memory, action.record)
        case act.DeleteRecord():
            old = before.records.get(action.key)
            if old is not None:
                released(memory, old)
        case act.Emit():
            memory.emitted = memory.emitted | {action.name}
