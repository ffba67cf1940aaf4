"""Results as text, JSON and JUnit XML. Strings only: whoever calls prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from vipa.core.explain import Explanation
from vipa.rehearsal.runner import Result, Stepped
from vipa.rehearsal.steps import shown


def text(results: Sequence[Result], *, verbose: bool = True) -> str:
    """For people. Without `verbose` only what did not hold is told step by step."""
    lines: list[str] = []
    for result in results:
        lines += told(result, verbose=verbose)
    lines.append(summary(results))
    return "\n".join(lines) + "\n"


def summary(results: Sequence[Result]) -> str:
    failed = sum(not result.held for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    held = len(results) - failed - skipped
    parts = [f"{held} held", f"{failed} failed"] + ([f"{skipped} skipped"] if skipped else [])
    return f"{len(results)} rehearsals: {', '.join(parts)}"


def told(result: Result, *, verbose: bool = True) -> Iterator[str]:
    """One rehearsal, one line a step."""
    name = f"{result.rehearsal.name} ({result.rehearsal.path})"
    if result.skipped:
        yield f"skip  {name}: {result.skipped}"
        return
    yield f"{'ok  ' if result.held else 'FAIL'}  {name}"
    if verbose or not result.held:
        for step in result.steps:
            yield from _step(result, step)
    if result.wrong is not None:
        yield f"  {result.wrong}"


def headline(step: Stepped) -> str:
    """`step 2  fail sysa   web: sysa -> sysb OwnerFailed, epoch 2`."""
    name = f"step {step.number}" if step.number else "given"
    did = ", ".join(step.did) or "-"
    what = "; ".join(step.happened) or "nothing moved"
    return f"{name:<7}  {did}   {what}"


def _step(result: Result, step: Stepped) -> Iterator[str]:
    yield f"  {headline(step)}"
    for failure in step.failures:
        yield f"    {result.rehearsal.path}:{failure.line}: {failure}"
    for sentence in step.broken:
        yield f"    {result.rehearsal.path}:{step.line}: invariant broken: {sentence}"
    for explanation in step.explanations:
        yield from (f"    {line}" for line in explained(explanation))


def explained(one: Explanation) -> Iterator[str]:
    """Every candidate of a VIPA and why it is, or is not, the owner."""
    epoch = f", epoch {one.epoch}" if one.epoch is not None else ""
    yield f"{shown(one.vipa)}{epoch}: {one.summary}"
    width = max((len(row.stack) for row in one.rows), default=0)
    for row in one.rows:
        rank = "-" if row.rank is None else str(row.rank)
        status = row.status or "-"
        yield f"  {row.stack:<{width}}  {rank:>3}  {status:<11}  {row.reason}: {row.message}"


def as_json(results: Sequence[Result]) -> str:
    failed = sum(not result.held for result in results)
    body = {"rehearsals": [_json(result) for result in results], "failed": failed}
    return json.dumps(body, indent=2) + "\n"


def _json(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": result.rehearsal.name,
        "file": result.rehearsal.path,
        "source": list(result.rehearsal.source),
        "outcome": outcome(result),
    }
    if result.skipped:
        found["skipped"] = result.skipped
    if result.wrong is not None:
        found["wrong"] = str(result.wrong)
    found["steps"] = [_json_step(step) for step in result.steps]
    return found


def outcome(result: Result) -> str:
    if result.skipped:
        return "skipped"
    if result.wrong is not None:
        return "wrong"
    return "held" if result.held else "failed"


def _json_step(step: Stepped) -> dict[str, Any]:
    return {
        "step": step.number,
        "line": step.line,
        "do": list(step.did),
        "happened": list(step.happened),
        "failures": [
            {"line": f.line, "what": f.what, "expected": f.expected, "seen": f.seen}
            for f in step.failures
        ],
        "broken": list(step.broken),
        "explanations": [
            {
                "vipa": str(one.vipa),
                "summary": one.summary,
                "owner": one.owner,
                "epoch": one.epoch,
                "candidates": [row._asdict() for row in one.rows],
            }
            for one in step.explanations
        ],
    }


def as_junit(results: Sequence[Result], engine: str) -> str:
    """A test case a rehearsal, as CI systems read them."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"vipa rehearse ({engine})",
        tests=str(len(results)),
        failures=str(sum(outcome(r) == "failed" for r in results)),
        errors=str(sum(outcome(r) == "wrong" for r in results)),
        skipped=str(sum(outcome(r) == "skipped" for r in results)),
    )
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=result.rehearsal.path.removesuffix(".yaml").replace("/", "."),
            name=result.rehearsal.name,
            file=result.rehearsal.path,
        )
        if result.skipped:
            ElementTree.SubElement(case, "skipped", message=result.skipped)
        elif not result.held:
            tag = "error" if result.wrong is not None else "failure"
            found = ElementTree.SubElement(case, tag, message=_first(result))
            found.text = "\n".join(told(result))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _first(result: Result) -> str:
    if result.wrong is not None:
        return str(result.wrong)
    step = result.steps[-1]
    return str(step.failures[0]) if step.failures else step.broken[0]
