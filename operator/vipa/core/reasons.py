"""Every reason there is, and the verdict that carries one (I7).

The same word goes to the condition, the event, the log line, `vipa explain` and the name of the
test. Where several apply the order of the enum decides: the first one is the cause, the others
are its consequences.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Candidate(StrEnum):
    """Why a stack may or may not own a VIPA."""

    NOT_RANKED = "NotRanked"
    ABSENT = "Absent"
    LEFT = "Left"
    NODE_DOWN = "NodeDown"
    TERMINATING = "Terminating"
    NOT_READY = "NotReady"
    UNRESPONSIVE = "Unresponsive"
    QUARANTINED = "Quarantined"
    JOINING = "Joining"
    DEACTIVATED = "Deactivated"
    OUT_OF_SCOPE = "OutOfScope"
    SHORT_FORM = "ShortForm"
    NO_ADDRESS_OF_FAMILY = "NoAddressOfFamily"
    PORT_MISSING = "PortMissing"
    ELIGIBLE = "Eligible"


class Cause(StrEnum):
    """Why a VIPA moved."""

    OWNER_GONE = "OwnerGone"
    NODE_FAILED = "NodeFailed"
    OWNER_STOPPED = "OwnerStopped"
    OWNER_FAILED = "OwnerFailed"
    OWNER_LEFT = "OwnerLeft"
    DEACTIVATED = "Deactivated"
    GIVEN_UP = "GivenUp"
    TAKEN_BACK = "TakenBack"
    MOVED = "Moved"
    POD_REPLACED = "PodReplaced"
    ACTIVATED = "Activated"


class Kept(StrEnum):
    """Why an owner that is no candidate any more stays."""

    LAST_OWNER = "LastOwnerKept"
    NO_SUCCESSOR = "NoSuccessor"
    NO_WITNESS = "NoWitness"


class Acceptance(StrEnum):
    ACCEPTED = "Accepted"
    INVALID = "Invalid"
    NO_SUCH_SYSPLEX = "NoSuchSysplex"
    NO_ADDRESS = "NoAddress"
    ADDRESS_NOT_ALLOWED = "AddressNotAllowed"
    ADDRESS_IN_USE = "AddressInUse"


class Verdict(NamedTuple):
    """What was found about one candidate, and the sentence for people."""

    reason: Candidate
    message: str

    @property
    def eligible(self) -> bool:
        return self.reason is Candidate.ELIGIBLE
