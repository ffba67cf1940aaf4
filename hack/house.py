"""Checks of the house that no linter knows. Reports every finding, not only the first."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE_LINES = {"operator": 400, "hack": 400, "tests": 600}
FUNCTION_LINES = 50
# Each was measured or seen to break: indexes and worker limits do not scale, timers and daemons
# patch objects, batching does nothing any more.
TRAPS = re.compile(r"kopf\.(index|timer|daemon)\b|worker_limit|batch_window")
SLEEPS = re.compile(r"\b(?:time|asyncio)\.sleep\((?!0\))")


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def sizes(path: Path, text: str) -> Iterator[str]:
    lines = text.count("\n")
    limit = FILE_LINES.get(path.relative_to(ROOT).parts[0], 400)
    if lines > limit:
        yield f"{lines} lines, at most {limit}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def habits(path: Path, text: str) -> Iterator[str]:
    part = path.relative_to(ROOT).parts[0]
    for number, line in enumerate(text.splitlines(), 1):
        if part == "operator" and TRAPS.search(line) and not line.lstrip().startswith("#"):
            yield f"{number}: a kopf trap, see docs/decisions.md: {line.strip()}"
        if part == "tests" and SLEEPS.search(line):
            yield f"{number}: tests wait for a condition, they do not sleep: {line.strip()}"


def findings() -> Iterator[str]:
    for name in ("__init__.py", "conftest.py", "sitecustomize.py"):
        if (ROOT / "operator" / name).exists():
            yield f"operator/{name}: must not exist, it would hide Python's own `operator`"
    for path in files():
        text = path.read_text()
        for finding in (*sizes(path, text), *habits(path, text)):
            yield f"{path.relative_to(ROOT)}:{finding}"


def main() -> int:
    found = list(findings())
    for finding in found:
        print(finding)
    print(f"house: {len(found)} findings" if found else "house: in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
