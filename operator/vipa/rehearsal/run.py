"""Files in, results and an exit code out: what `vipa rehearse` calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vipa.rehearsal import loader, report
from vipa.rehearsal.engine import Engine
from vipa.rehearsal.reading import FileError, Mistake
from vipa.rehearsal.runner import Result, run

HELD, FAILED, WRONG = 0, 1, 2
Progress = Callable[[Result], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`mistakes`: what is wrong in files, before anything ran. Exit 0 all held, 1 not, 2 wrong."""

    engine: str
    results: tuple[Result, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    @property
    def exit_code(self) -> int:
        if self.mistakes or any(result.wrong is not None for result in self.results):
            return WRONG
        return HELD if all(result.held for result in self.results) else FAILED

    def text(self, *, verbose: bool = True) -> str:
        if self.mistakes:
            return "".join(f"{mistake}\n" for mistake in self.mistakes)
        return report.text(self.results, verbose=verbose)

    def json(self) -> str:
        return report.as_json(self.results)

    def junit(self) -> str:
        return report.as_junit(self.results, self.engine)


def run_files(paths: Iterable[str], engine: Engine, progress: Progress | None = None) -> Outcome:
    """Run every rehearsal of these files and folders, one after the other.

    A file that is wrong keeps all of them from running: a folder is an agreement as a whole.
    `progress` is told each result as it comes. The engine is left to its owner to close.
    """
    try:
        rehearsals = loader.load_all(paths)
    except FileError as error:
        return Outcome(engine=engine.name, mistakes=error.mistakes)
    results: list[Result] = []
    for rehearsal in rehearsals:
        results.append(run(rehearsal, engine))
        if progress is not None:
            progress(results[-1])
    return Outcome(engine=engine.name, results=tuple(results))
