"""Collects the root of the image: Python without what nobody runs, and every library that it or the
packages link to. Runs in the build stage, on Debian, with its own Python.

By the linker's word and not by a list: a library that a later wheel needs is then there.
"""

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = (f"{PYTHON}-minimal", f"lib{PYTHON}-minimal", f"lib{PYTHON}-stdlib")
UNWANTED = re.compile(
    r"/(?:__pycache__|idlelib|lib2to3|ensurepip|tkinter|turtledemo|test|distutils|pydoc_data|sqlite3"
    r"|curses|dbm)(?:/|$)"
    r"|lib-dynload/(?:_curses|_sqlite3|_dbm|_gdbm|nis|readline|_tkinter|_ctypes_test|_test|xxlimited)"
    r"|^/usr/share/|^/etc/(?!python)"
)
USER = "vipa:x:65532:65532::/:/sbin/nologin"


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def collect(vipa: Path, root: Path) -> None:
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in PACKAGES:
        for line in run("dpkg", "-L", package).splitlines():
            if not UNWANTED.search(line):
                copy(Path(line), root)
    (root / "usr/bin/python3").symlink_to(PYTHON)
    slimmed(vipa)
    shutil.copytree(vipa, root / "opt/vipa", symlinks=True)
    owners = set(PACKAGES)
    for library in libraries(root):
        copy(library, root)
        owners.add(owner(library))
    statuses(owners, root)
    people(root)
    # Never compared with the source: what cannot be written is not looked at twice.
    for folder in (root / f"usr/lib/{PYTHON}", root / "opt/vipa"):
        compileall.compile_dir(
            folder,
            quiet=1,
            stripdir=str(root),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def copy(source: Path, root: Path) -> None:
    """One file with the names by which it is found; folders come with their files."""
    if source.is_dir() and not source.is_symlink():
        return
    target = root / "usr" / source.relative_to("/") if merged(source) else root / str(source)[1:]
    if target.exists() or target.is_symlink():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    if source.is_symlink():
        copy(source.resolve(), root)


def merged(path: Path) -> bool:
    return path.parts[1] in ("bin", "lib", "lib64", "sbin")


def slimmed(vipa: Path) -> None:
    """Without tests and sources of compiled modules, which no import ever reads."""
    for pattern in ("*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.c", "*.h", "*.hpp"):
        for path in vipa.rglob(pattern):
            path.unlink()
    for folder in [*vipa.rglob("tests"), *vipa.rglob("__pycache__")]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in vipa.rglob("*.so"):
        run("strip", "--strip-unneeded", str(path))


def libraries(root: Path) -> Iterator[Path]:
    """Everything that programs and modules in the root are linked to, and the linker."""
    found: set[str] = set()
    for path in (*root.rglob("*.so*"), root / "usr/bin" / PYTHON):
        if path.is_file() and not path.is_symlink():
            found.update(linked(run("ldd", str(path))))
    return (Path(one) for one in sorted(found))


def linked(told: str) -> Iterable[str]:
    if missing := re.findall(r"(\S+) => not found", told):
        raise SystemExit(f"not installed: {', '.join(missing)}")
    # What wheels bring along lies beside them already.
    return (
        one for one in re.findall(r"(/\S+) \(0x", told) if not one.startswith(("/opt", "/root"))
    )


def owner(library: Path) -> str:
    """The Debian package of a library, by whichever of its two names dpkg knows."""
    for name in (library, Path("/usr") / library.relative_to("/"), library.resolve()):
        found = subprocess.run(
            ["dpkg", "-S", str(name)], capture_output=True, text=True, check=False
        )
        if found.returncode == 0:
            return found.stdout.partition(":")[0]
    raise SystemExit(f"{library}: of no package")


def statuses(owners: Iterable[str], root: Path) -> None:
    """What is in here, in the form that scanners look for in images without a package manager."""
    folder = root / "var/lib/dpkg/status.d"
    folder.mkdir(parents=True)
    for package in owners:
        (folder / package).write_text(run("dpkg", "-s", package))


def people(root: Path) -> None:
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "passwd").write_text(f"root:x:0:0::/:/sbin/nologin\n{USER}\n")
    (etc / "group").write_text("root:x:0:\nvipa:x:65532:\n")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")


if __name__ == "__main__":
    collect(Path(sys.argv[1]), Path(sys.argv[2]))
