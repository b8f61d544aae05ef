"""Which exit code wins where several apply."""

import itertools

import pytest

from faildrill.judging.result import Verdict
from faildrill.system.exit_codes import ExitCode, unless_unsafe, worst


@pytest.mark.parametrize("other", [one for one in ExitCode if one is not ExitCode.UNSAFE])
def test_unsafe_wins_over_every_other_code(other: ExitCode) -> None:
    assert worst([other, ExitCode.UNSAFE]) == worst([ExitCode.UNSAFE, other]) == ExitCode.UNSAFE


def test_without_a_code_all_is_well() -> None:
    assert (worst([]), Verdict.worst([])) == (ExitCode.PASSED, Verdict.PASSED)


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(Verdict, 2)])
def test_verdicts_are_listed_from_the_worst_on_and_win_as_their_exit_codes_do(one: Verdict, other: Verdict) -> None:
    assert Verdict.worst([other, one]) is one


def test_where_the_marks_cant_be_read_a_place_is_taken_for_dirty() -> None:
    def unreadable() -> bool:
        raise OSError

    assert unless_unsafe(ExitCode.ERROR, unreadable) is ExitCode.UNSAFE
    assert unless_unsafe(ExitCode.ERROR, list) is ExitCode.ERROR
