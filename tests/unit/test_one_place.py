"""A fact has one place: what must not be written a second time, and where it is written once."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "faildrill"


def _places(pattern: str) -> set[str]:
    return {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    }


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        pytest.param(r"/proc/\{|\"/proc\"", {"system/processes.py"}, id="processes are read from /proc"),
        pytest.param(
            r"\b(draft|beside|fresh)\.replace\(|os\.(replace|rename)\(",
            # The file of somebody else's server keeps its owner and mode; the simulated place is a test's.
            {"system/atomic_file.py", "toolkit/kept_file.py", "adapters/simulated/place.py"},
            id="a file takes the place of another one",
        ),
        pytest.param(
            r"^_?SHARE(: Final)? = 0\.",
            # What is left of a play's time is for ending it; a ledger's tries end just before its look does.
            {"toolkit/deadlines.py", "adapters/ansible/plays.py", "adapters/http/ledger.py"},
            id="how much of a call's time may be asked away",
        ),
        pytest.param(r"\bpydantic\._|\b__pydantic_", set(), id="what is private to pydantic"),
        pytest.param(r"name\.lower\(\)\.replace\(", {"record/samples/__init__.py"}, id="an outcome in words"),
        pytest.param(
            r"strerror\b(?!`|\()",
            # An error is made anew with its number; a program that is silent is told with the time it had.
            {"errors.py", "system/state_folder.py", "adapters/command/program.py"},
            id="why something failed, in words",
        ),
        pytest.param(r"list\(Verdict\)|\bmax\(codes", {"system/exit_codes.py"}, id="which verdict or code is worse"),
        pytest.param(
            r"\.folder\(\) / \"environments\"", {"locking/place_key.py"}, id="where what concerns a place is kept"
        ),
        pytest.param(r"isinstance\([^)]*, RunStarted\)", {"record/timeline.py"}, id="what a run begins with"),
    ],
)
def test_it_is_written_where_it_belongs_and_nowhere_else(pattern: str, places: set[str]) -> None:
    assert _places(pattern) == places
