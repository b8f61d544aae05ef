"""Faults that are put into the algebra of proofs, each in a process of its own: does the oracle hear them?

`python -m oracle.planted` tells of each, a line of JSON: its name, and the first disagreement, or null.
"""

import importlib
import importlib.abc
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Final, NamedTuple

HEARD_WITHIN: Final = 300
"""Histories within which each must be heard."""


class Fault(NamedTuple):
    """In a module something else stands in the place of a text that is in it once."""

    module: str
    right: str
    wrong: str
    heard_by: str = "disagreements"
    """What hears it: disagreements of the judged, of what is asked live, of what is aborted."""


FAULTS: Final = {
    "silence is dated to when it was given up": Fault(
        "proofs.intervals", "np.minimum(begun_by, still_at + slow)", "begun_by"
    ),
    "a late answer is alive from its sending on": Fault("proofs.intervals", "np.maximum(since, by - slow)", "since"),
    "who was seen late was slow": Fault("proofs.intervals", "(took > slow) & ~timely", "took > slow"),
    "of a silence only the next look is asked": Fault(
        "proofs.records", "np.minimum.accumulate(rights[::-1])[::-1] - lefts", "rights - lefts"
    ),
    "who was not watched was not good": Fault(
        "judging.steady_moment", "return 0 if blind else", "return 0 if not blind else"
    ),
    "a look counts as often as it is told": Fault("proofs.dues", "& (np.diff(due, prepend=-1) != 0)", ""),
    "what was not recorded in the end was never due": Fault("proofs.dues", "if expected < until:", "if expected < 0:"),
    "any proof of life ends an outage": Fault(
        "judging.outages.bounds", "if hold else parted", "if hold < 0 else parted"
    ),
    "a hold hides nothing before": Fault(
        "judging.outages.bounds",
        "proofs.since[proofs.by <= one.last_good - hold]",
        "proofs.since[proofs.by <= one.last_good]",
    ),
    "flaps are told apart by nothing": Fault("judging.outages.bounds", "end = first_life", "end = still_at"),
    "two looks make two writers": Fault("judging.expectations.writers", "_IN_A_ROW: Final = 3", "_IN_A_ROW: Final = 2"),
    "an alarm from before the step is one of it": Fault(
        "judging.expectations.detected", "(part.sent >= step.began)", "(part.sent > 0)"
    ),
    "a wait that ran out unseen failed": Fault(
        "judging.wait_findings", "if is_met or blind is None:", "if is_met or True:"
    ),
    "what was against it before does not matter": Fault(
        "proofs.streaks", "if by >= self._against:", "if by >= 0:", "asked"
    ),
    "one who stood still looked": Fault(
        "proofs.streaks", "since - self._last > patience", "since - self._last > 1 << 62", "asked"
    ),
    "what was not told yet is good": Fault(
        "proofs.streaks",
        "while self._coming and (undecided is None or self._coming[0][0] <= undecided):",
        "while self._coming:",
        "asked",
    ),
    "what ought to have been answered is no matter": Fault(
        "proofs.look_schedule", "[Interval(moment, moment + grace) for moment in overdue]", "[]", "asked"
    ),
    "silence lasts until it is given up": Fault(
        "proofs.looks", "Interval(sent, sent + slow)", "Interval(sent, answered)", "asked"
    ),
    "it is dark since it was last alive": Fault(
        "judging.aborts.abort_conditions",
        'self._breach(self._still - self._begun[0], "")',
        'self._breach(self._still - self._alive, "")',
        "aborted",
    ),
    "it is dark until a look was answered": Fault(
        "judging.aborts.abort_conditions", "max(self._still, dark.since)", "max(self._still, dark.by)", "aborted"
    ),
    "a late answer is one more look": Fault(
        "judging.aborts.abort_conditions",
        "if self._due[place : place + 1] == [sample.due]:",
        "if not self._due and place:",
        "aborted",
    ),
    "no answer is no outage": Fault(
        "judging.aborts.abort_conditions", "return self._breach(now_ns - since, how)", "return None", "aborted"
    ),
}


class _Planter(importlib.abc.MetaPathFinder):
    """Finds the one module that a fault is put into."""

    def __init__(self, fault: Fault, path: Path) -> None:
        self._fault, self._path = fault, path

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        name = f"faildrill.{self._fault.module}"
        if fullname != name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=_Loader(name, self._path, self._fault))


class _Loader(SourceFileLoader):
    """Loads it with the fault in it."""

    def __init__(self, name: str, path: Path, fault: Fault) -> None:
        super().__init__(name, str(path))
        self._fault = fault

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text(encoding="utf-8")
        if source.count(self._fault.right) != 1:
            raise LookupError(f"{self._fault.right!r} is not in {fullname} once: put the fault somewhere else")
        return compile(source.replace(self._fault.right, self._fault.wrong), self.path, "exec")


def _first_heard(fault: Fault) -> str | None:
    """Judge history after history with a fault in the engine; return the first disagreement, or None."""
    [root] = importlib.util.find_spec("faildrill").submodule_search_locations  # type: ignore[union-attr, misc]
    path = Path(root, *fault.module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise LookupError(f"there is no {path}: put the fault somewhere else")
    sys.meta_path.insert(0, _Planter(fault, path))
    with tempfile.TemporaryDirectory() as folder:
        return next((line for seed in range(HEARD_WITHIN) for line in _told(fault, seed, Path(folder))), None)


def _told(fault: Fault, seed: int, folder: Path) -> Iterator[str]:
    histories = importlib.import_module("oracle.histories")
    if fault.heard_by == "disagreements":
        yield from importlib.import_module("oracle.test_pages").disagreements(seed, folder)
        return
    live, made = importlib.import_module("oracle.test_live"), histories.history(seed)
    if max(len(probe.looks) for probe in made.probes) <= live.FEW:
        yield from getattr(live, fault.heard_by)(made)


def _in_a_process_of_its_own(name: str) -> None:
    """Tell of one fault; what it puts into the engine stays in that process."""
    child = os.fork()
    if child == 0:
        print(json.dumps([name, _first_heard(FAULTS[name])]), flush=True)  # noqa: T201 - what it is asked for
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    for library in ("numpy", "pydantic", "msgspec", "pytest"):  # loaded once for all
        importlib.import_module(library)
    for named in FAULTS:
        _in_a_process_of_its_own(named)
