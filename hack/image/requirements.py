"""Prints what pyproject.toml depends on, without what an image does not need. Runs in the build."""

import re
import sys
import tomllib


def main(arguments: list[str]) -> int:
    path, option, *unwanted = arguments
    if option != "--without":
        raise SystemExit("requirements.py PYPROJECT --without NAME...")
    with open(path, "rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    names = {line: re.match(r"[A-Za-z0-9._-]+", line)[0] for line in wanted}
    if unknown := set(unwanted) - set(names.values()):
        raise SystemExit(f"pyproject.toml does not depend on {', '.join(sorted(unknown))}")
    print("\n".join(line for line, name in names.items() if name not in unwanted))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
