"""P10: a place is locked, marked and halted under each of its facts, for every file and every user who knows one."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faildrill.errors import Objection
from faildrill.locking.dirty_marks import Mark, all_marks, clear, mark, marks
from faildrill.locking.halt_switch import Halt, halt, halted, resume
from faildrill.locking.machine_lock import Holder, hold, recalled
from faildrill.locking.place_key import PlaceKey
from faildrill.ports.target import KindUse
from faildrill.record.timeline import Confirmed, GuardAnswered
from faildrill.running.run_processes import Pipes
from support.forks import fork
from support.places import Place, ended, events, recorded

ABORTED, REFUSED = 5, 3
UNKNOWN = "3" * 16
NOBODY = 65534


@dataclass
class Files:
    """Two environment files of one place: the second one declares some of the first one's facts, or others."""

    folder: Path
    first: PlaceKey = field(init=False)
    second: PlaceKey = field(init=False)

    def __post_init__(self) -> None:
        names = [f"{hash((str(self.folder), number)) & (1 << 64) - 1:016x}" for number in range(5)]
        self.first = PlaceKey(names[0], (names[1], names[2]))
        self.second = PlaceKey(names[3], (names[2], names[4]))


@pytest.fixture
def files(ground: Path) -> Files:
    return Files(ground)


@contextmanager
def held(proven: PlaceKey, run: str = "run-1") -> Iterator[tuple[int, ...]]:
    locks = hold(proven, Holder(run, "/nowhere", os.getpid(), "ada", "now", proven.identity))
    try:
        yield locks
    finally:
        for lock in locks:
            os.close(lock)


def test_one_shared_fact_is_enough_to_be_kept_out_and_told_by_whom(files: Files) -> None:
    with held(files.first), pytest.raises(Objection, match="by run run-1 of ada"):
        hold(files.second, Holder("run-2", "/nowhere", 1, "bob", "now"))
    with held(files.second, "run-2"):
        pass


def test_who_is_refused_holds_nothing(files: Files) -> None:
    alone = PlaceKey(files.second.facts[-1])
    with held(files.first):
        with pytest.raises(Objection):
            hold(files.second, Holder("run-2", "/nowhere", 1, "bob", "now"))
        with held(alone):
            pass


def test_what_is_marked_by_one_file_is_dirty_for_the_other_until_it_is_put_back(files: Files) -> None:
    mark(files.first, Mark("run-1", "/nowhere", "drill", "now", files.first.identity))
    assert [one.run for one in marks(files.second)] == ["run-1"]
    assert list(all_marks()) == [files.first.identity]
    clear(files.first, "run-1")
    assert (marks(files.first), marks(files.second), all_marks()) == ([], [], {})


def test_a_switch_thrown_by_one_file_halts_the_other_and_is_taken_back_by_either(files: Files) -> None:
    one = Halt("staging", "ada", "an incident", "now")
    halt(files.first, one)
    assert "an incident" in str(halted(files.second))
    assert resume(files.second)
    assert (halted(files.first), halted(files.second)) == (None, None)


def test_who_knows_the_identity_only_finds_the_facts(files: Files) -> None:
    with held(files.first):
        assert recalled(files.first.identity) == files.first
    assert recalled(UNKNOWN) == PlaceKey(UNKNOWN)


def test_a_mark_left_by_a_version_without_facts_still_counts(files: Files) -> None:
    mark(PlaceKey(files.first.identity), Mark("run-0", "/nowhere", "drill", "now"))
    assert [one.run for one in marks(files.first)] == ["run-0"]


def asked_with_other_state(files: Files, user: int) -> str:
    """Ask for a fact of the first file as somebody whose state is elsewhere; return the objection."""
    state = files.folder / "other"
    state.mkdir(exist_ok=True)
    os.chown(state, user, -1)
    files.folder.chmod(0o711)
    reading, writing = os.pipe()

    def ask() -> int:
        os.setuid(user)
        os.environ["FAILDRILL_STATE"] = str(state)
        try:
            hold(PlaceKey(files.first.facts[0]), Holder("run-2", "/nowhere", 1, "bob", "now"))
        except Objection as error:
            os.write(writing, str(error).encode())
        return 0

    pid = fork(ask, Pipes(beat=writing))
    os.close(writing)
    with os.fdopen(reading) as said:
        answer = said.read()
    assert os.waitpid(pid, 0)[1] == 0
    return answer


def test_somebody_with_other_state_on_this_machine_is_kept_out_and_told_which_process(files: Files) -> None:
    assert asked_with_other_state(files, os.getuid()) == ""
    with held(files.first):
        assert f"(pid {os.getpid()}, with state of their own)" in asked_with_other_state(files, os.getuid())


def test_another_user_of_this_machine_is_kept_out(files: Files) -> None:
    if os.getuid() != 0:
        pytest.skip("needs to be root, to become somebody else")
    with held(files.first):
        said = asked_with_other_state(files, NOBODY)
        assert f"(pid {os.getpid()}, with state of their own)" in said


def test_of_two_drills_with_one_fact_in_common_the_second_is_refused(ground: Path) -> None:
    shared = KindUse(kind="simulated.word", params={"about": f"{ground} is one place"})

    def place(name: str) -> Place:
        found = Place(ground / name)
        found.facts = (shared,)
        found.fault("pay")
        found.wait(60)
        return found

    first, other = place("a").start(), place("b")
    with ended(first):
        recorded(first.folder, Confirmed)
        second = other.start()
        with ended(second):
            assert second.sentinel.wait(30) == REFUSED
            assert first.folder.name in str(events(second.folder, GuardAnswered))
            assert other.deeds("pay") == []
        first.sentinel.terminate()
        assert first.sentinel.wait(30) == ABORTED


def test_a_lock_is_free_when_the_last_process_that_inherited_it_is_gone(
    files: Files, many: Callable[[int, int], int]
) -> None:
    for _ in range(many(3, 100)):
        with held(files.first) as locks:
            child = subprocess.Popen(["sleep", "60"], pass_fds=locks)
        with pytest.raises(Objection):
            hold(files.second, Holder("run-2", "/nowhere", 1, "bob", "now"))
        child.kill()
        child.wait()
        with held(files.second, "run-2"):
            pass
