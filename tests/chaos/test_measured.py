"""What chaos measured, and the page that is made of it, are about the classes that there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.chaos import checker
from tests.chaos.live import faults

from hack import failure_model

Row = dict[str, Any]


def rows(fault: str, *, patient: bool = False) -> list[Row]:
    """Of one run."""
    return [
        {"history": "one", **checker.Cost(fault, target, 1.5, 2.0, 400, patient)._asdict()}
        for target in ("db", "stock", "web")
    ]


def test_what_was_measured_is_well_formed() -> None:
    kept = json.loads(failure_model.MEASURED.read_text())

    assert list(failure_model.strange(kept)) == []


def test_every_class_of_fault_has_a_bound_and_a_line_in_the_failure_model() -> None:
    assert set(faults.every()) == set(checker.BOUNDS) == set(failure_model.DEPENDS)
    assert set(checker.SLOW_STOCK) <= set(checker.BOUNDS)
    assert set(faults.SMOKE) <= set(checker.BOUNDS)


@pytest.mark.parametrize(
    ("patient", "problems"),
    [(True, []), (False, ["node-cut: nobody waited for the stock Service in any run"])],
)
def test_where_stock_is_slow_somebody_has_waited_for_it(patient: bool, problems: list[str]) -> None:
    found = failure_model.strange([*rows("drain"), *rows("node-cut", patient=patient)])

    assert list(found) == problems


def without_a_field(found: list[Row]) -> None:
    del found[0]["outage"]


def of_an_unknown_class(found: list[Row]) -> None:
    for row in found:
        row["fault"] = "node-melt"


def without_a_target(found: list[Row]) -> None:
    del found[0]


@pytest.mark.parametrize("spoil", [without_a_field, of_an_unknown_class, without_a_target])
def test_what_cannot_have_been_measured_is_told(spoil: Callable[[list[Row]], None]) -> None:
    found = rows("drain")
    assert list(failure_model.strange(found)) == []

    spoil(found)

    assert list(failure_model.strange(found)) != []


def test_a_figure_is_that_of_the_vipa_that_a_run_hurt_most() -> None:
    found = rows("drain")
    found[0]["outage"], found[2]["outage"] = 0.5, 0.25

    assert list(failure_model.worst("drain", found)) == [(1.5, 0.5)]


def test_stock_figures_are_those_of_patient_runs_where_stock_is_slow() -> None:
    hasty, patient = rows("node-cut"), rows("node-cut", patient=True)
    hasty[1]["outage"], patient[1]["outage"] = 4.0, 45.0

    shown = list(failure_model.row("node-cut", [*hasty, *patient]))

    assert shown[5] == "45.00 s, max 45.00 s (1)"
    assert shown[6] == "2"
