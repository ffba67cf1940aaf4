"""What an operator may write although nothing happened: that it holds verdicts, and a new term.

`actions: 0` means that nothing of what people rely on was changed. Neither of these is: the one
says why nothing moves, the other who writes.
"""

from __future__ import annotations

from dataclasses import replace

from vipa.core import actions as act
from vipa.core.inventory import Inventory
from vipa.core.record import Record
from vipa.core.resources import SysplexStatus

EVENT = "Held"
CONDITION = "Holding"


def by_the_way(world: Inventory, action: act.Action) -> bool:
    """Whether this action, on the world as it was before it, is not one that is counted."""
    match action:
        case act.Emit():
            return action.event == EVENT
        case act.WriteSysplexStatus():
            plex = world.sysplexes.get(action.key)
            return plex is not None and bare(plex.status) == bare(action.status)
        case act.WriteRecord():
            return action.reason == act.TERM
    return False


def only_term(old: Record, new: Record) -> bool:
    """Whether a record was written anew under another term and says the same."""
    return old.term != new.term and replace(old, term=new.term).says_as(new)


def bare(status: SysplexStatus) -> SysplexStatus:
    """The status without what is said by the way."""
    kept = tuple(one for one in status.conditions if one.type != CONDITION)
    return replace(status, conditions=kept)
