"""What an operator remembers over its rounds, as the loop in the shell does it.

Statuses and records in the API are the truth; this is what bridges the time until they are there,
and the loss of a record.
"""

from __future__ import annotations

from vipa.core import actions as act
from vipa.core import memory as bookkeeping
from vipa.core.inventory import Inventory
from vipa.core.snapshot import Memory

copied = bookkeeping.copied


def acted(memory: Memory, before: Inventory, action: act.Action) -> None:
    """What is remembered of an action that is about to be carried out on this world."""
    match action:
        case act.WriteRecord():
            bookkeeping.seen(memory, action.record)
        case act.DeleteRecord():
            old = before.records.get(action.key)
            if old is not None:
                bookkeeping.gone(memory, old)
                bookkeeping.released(memory, old.vipa_uid)
        case act.Emit():
            memory.emitted = memory.emitted | {action.name}
