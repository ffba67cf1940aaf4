"""Writes what the chart says twice: templates made from `crds/`, the descriptions in the schema of
its values, its README. `--check` only compares, and shows what differs.

`crds/` stays the source of truth for CRDs, policies and rights; a chart can read nothing outside of
its own folder, so it holds copies, and these are never edited by hand.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chart import templates, values

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "sysplex-vipa"


def wanted() -> dict[Path, str]:
    """Every generated file and what it should say."""
    made = templates.made(ROOT / "crds")
    files = {CHART / "templates" / name: text for name, text in made.items()}
    described = values.read(CHART / "values.yaml")
    schema = CHART / "values.schema.json"
    files[schema] = values.with_descriptions(schema.read_text(), described)
    readme = CHART / "README.md"
    files[readme] = values.with_table(readme.read_text(), described)
    return files


def stale(files: dict[Path, str]) -> list[Path]:
    """Generated templates whose source is gone."""
    there = set((CHART / "templates").glob(f"{templates.FOLDER}/*.yaml"))
    return sorted(there - files.keys())


def main() -> int:
    parser = argparse.ArgumentParser(prog="hack/chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    check = parser.parse_args().check
    files = wanted()
    different = {path: text for path, text in files.items() if old(path) != text}
    gone = stale(files)
    if not check:
        for path, text in different.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for path in gone:
            path.unlink()
        return 0
    for path, text in different.items():
        name = str(path.relative_to(ROOT))
        before, after = old(path).splitlines(True), text.splitlines(True)
        sys.stdout.writelines(difflib.unified_diff(before, after, name, "as its source says it"))
    for path in gone:
        print(f"{path.relative_to(ROOT)}: has no source any more")
    if different or gone:
        print("chart: out of date, run make chart")
    return int(bool(different or gone))


def old(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
