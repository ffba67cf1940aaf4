"""Judge a history of a chaos run: `python -m tests.chaos.checker HISTORY`.

It reads JSON lines and imports nothing of the product nor of the suite: what it believes about
owners it finds out by itself, from pods and nodes as the API server showed them and from the
faults that were caused. Which promises there are says `verdict.py`; what each class of fault may
cost, `bounds.py`.
"""

from tests.chaos.checker.bounds import BOUNDS, SLOW_STOCK, Bound
from tests.chaos.checker.costs import Cost, costs
from tests.chaos.checker.history import CONTROL, STOCK, Fault, Finding, History, Line, read
from tests.chaos.checker.report import main
from tests.chaos.checker.verdict import BROKEN, KEPT, LATE, RULES, USAGE, Verdict, judge

__all__ = [
    "BOUNDS",
    "BROKEN",
    "CONTROL",
    "KEPT",
    "LATE",
    "RULES",
    "SLOW_STOCK",
    "STOCK",
    "USAGE",
    "Bound",
    "Cost",
    "Fault",
    "Finding",
    "History",
    "Line",
    "Verdict",
    "costs",
    "judge",
    "main",
    "read",
]
