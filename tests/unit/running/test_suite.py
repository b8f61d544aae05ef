"""A suite under way: in which order its drills begin, which beside each other, and which are not begun at all."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.clock import SystemClock
from faildrill.model.drill import Drill, Step, Undo, Wait
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.record import run_set
from faildrill.running.longest_course import longest
from faildrill.running.suite import Begun, Ended, Member, Rules, Suite

PASSED, FAILED, REFUSED, INCONCLUSIVE, ABORTED, UNSAFE, ERROR = 0, 1, 3, 4, 5, 6, 7
SAID = Callable[[Begun], int]


def place(about: str) -> Environment:
    word = KindUse(kind="simulated.word", params={"about": about})
    return Environment(name="simulation", drillable=True, identity=(word,))


def member(name: str, where: str = "here", within: float = 1.0) -> Member:
    steps = (Wait(id="wait", name="wait", within=within),)
    drill = Drill(name=name, environment="simulation", probes=(), steps=steps, expect=())
    return Member(name, drill, place(where))


class Told:
    """What became of a suite: which drills were begun, and what was written down."""

    def __init__(self, folder: Path, members: list[Member], rules: Rules) -> None:
        self.suite = Suite("drills", members, rules, folder, SystemClock())
        self.begun: list[str] = []
        self.most = 0
        """How many runs were under way at once, at the most."""
        self._under_way = 0

    def run(self, ends: "dict[str, list[Ended]]", interrupted: Callable[[], str] = str) -> "Told":
        """See it through, each drill ending as is said of it; those of which nothing is said pass."""

        async def one(begun: Begun) -> Ended:
            self.begun.append(begun.member.name)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            await asyncio.sleep(0)
            self._under_way -= 1
            return ends.get(begun.member.name, [])[begun.attempt - 1] if begun.member.name in ends else Ended(PASSED)

        asyncio.run(self.suite.see_through(one, interrupted))
        return self

    def not_run(self) -> dict[str, str]:
        return {one.member: one.because for one in self._all(run_set.NotRun)}

    def interrupted(self) -> set[str]:
        return {one.member for one in self._all(run_set.NotRun) if one.interrupted}

    def _all(self, kind: type[run_set.NotRun]) -> list[run_set.NotRun]:
        return [one.what for one in run_set.entries(self.suite.folder) if isinstance(one.what, kind)]


def went(folder: Path, *members: Member, rules: Rules = Rules(), **ends: int) -> Told:  # noqa: B008 - it is frozen
    return Told(folder, list(members), rules).run({name: [Ended(code)] for name, code in ends.items()})


def test_drills_are_run_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    told = went(tmp_path, member("c"), member("a"), member("b"))
    assert (told.begun, told.not_run(), told.most) == (["c", "a", "b"], {}, 1)
    begun = [one.what for one in run_set.entries(told.suite.folder) if isinstance(one.what, run_set.RunBegun)]
    assert [one.member for one in begun] == ["c", "a", "b"]
    assert [one.folder.rpartition("-")[0] for one in begun] == ["run-1-c", "run-2-a", "run-3-b"]


def test_a_seed_gives_the_same_order_again_and_is_written_down(tmp_path: Path) -> None:
    members = [member(name) for name in "abcdefgh"]
    first, again, other = (went(tmp_path, *members, rules=Rules(seed=seed)) for seed in ("x", "x", "y"))
    assert first.begun == again.begun != other.begun
    assert sorted(first.begun) == sorted(other.begun) == list("abcdefgh")
    started = first.suite.first.what
    assert isinstance(started, run_set.SetStarted)
    assert (started.seed, started.members) == ("x", list("abcdefgh"))


@pytest.mark.parametrize("code", [FAILED, REFUSED, INCONCLUSIVE, ABORTED, UNSAFE, ERROR])
def test_after_the_first_that_is_not_passed_no_other_one_is_begun(code: int, tmp_path: Path) -> None:
    told = went(tmp_path, member("a"), member("b"), member("c"), b=code)
    assert told.begun == ["a", "b"]
    assert "run 2 (b) was" in told.not_run()["c"]
    assert told.interrupted() == set()


@pytest.mark.parametrize("code", [FAILED, REFUSED, INCONCLUSIVE, ABORTED, ERROR])
def test_one_that_keeps_going_runs_the_next_whatever_became_of_the_last(code: int, tmp_path: Path) -> None:
    told = went(tmp_path, member("a"), member("b"), member("c"), rules=Rules(keep_going=True), a=code)
    assert (told.begun, told.not_run()) == (["a", "b", "c"], {})


def test_an_unsafe_one_stops_all_that_share_its_place_and_no_other(tmp_path: Path) -> None:
    members = [member("a"), member("b", "there"), member("c"), member("d", "there")]
    told = went(tmp_path, *members, rules=Rules(keep_going=True), a=UNSAFE)
    assert told.begun == ["a", "b", "d"]
    assert told.not_run() == {"c": "its place is not put back: run 1 (a) was UNSAFE"}


@pytest.mark.parametrize(("tries", "begun"), [([ERROR, PASSED], 2), ([ERROR, ERROR, PASSED], 3), ([ERROR] * 3, 3)])
def test_an_error_is_tried_again_as_often_as_is_said(tries: list[int], begun: int, tmp_path: Path) -> None:
    told = Told(tmp_path, [member("a"), member("b")], Rules(retries=2))
    told.run({"a": [Ended(code) for code in tries]})
    assert told.begun == ["a"] * begun + (["b"] if tries[-1] == PASSED else [])


@pytest.mark.parametrize("code", [FAILED, REFUSED, INCONCLUSIVE, ABORTED, UNSAFE])
def test_nothing_else_is_ever_tried_again(code: int, tmp_path: Path) -> None:
    told = went(tmp_path, member("a"), rules=Rules(retries=5, keep_going=True), a=code)
    assert told.begun == ["a"]


def test_side_by_side_run_only_drills_whose_places_differ(tmp_path: Path) -> None:
    members = [member("a"), member("b"), member("c", "there"), member("d", "elsewhere")]
    told = went(tmp_path, *members, rules=Rules(jobs=2))
    assert (told.begun, told.most) == (["a", "c", "b", "d"], 2)
    alone = went(tmp_path, *(member(name) for name in "abc"), rules=Rules(jobs=3))
    assert (alone.begun, alone.most) == (["a", "b", "c"], 1)


def test_two_environments_that_share_a_fact_are_one_place(tmp_path: Path) -> None:
    words = [KindUse(kind="simulated.word", params={"about": about}) for about in ("one", "both", "other")]
    places = [Environment(name="e", drillable=True, identity=(words[0], words[1])), place("both")]
    drill = Drill(name="d", environment="e", probes=(), steps=(), expect=())
    told = went(tmp_path, *(Member(f"d{n}", drill, one) for n, one in enumerate(places)), rules=Rules(jobs=2))
    assert told.most == 1


def test_a_drill_that_could_end_after_the_budget_is_not_begun_and_a_shorter_one_is(tmp_path: Path) -> None:
    members = [member("long", within=900), member("short", within=1)]
    told = went(tmp_path, *members, rules=Rules(budget=600))
    assert told.begun == ["short"]
    assert "by its own limits it may take 17 min 23 s, and " in told.not_run()["long"]
    assert "of the budget of 10 min are left" in told.not_run()["long"]


def test_how_long_a_drill_may_take_counts_its_steps_and_its_undos() -> None:
    use = KindUse(kind="simulated.fault", params={"folder": "/place", "name": "pay"})
    drill = member("a", within=0.001).drill
    step = Step(id="a", name="a", use=use, within=20.0, undo_within=50.0)
    left = step.model_copy(update={"undo": Undo(how="none")})
    bare = longest(drill)
    assert longest(drill.model_copy(update={"steps": (*drill.steps, step)})) == pytest.approx(bare + 30 + 60)
    assert longest(drill.model_copy(update={"steps": (*drill.steps, left)})) == pytest.approx(bare + 30)


def test_what_ends_the_suite_ends_it_though_it_is_to_keep_going(tmp_path: Path) -> None:
    rules = Rules(keep_going=True, retries=3)
    told = Told(tmp_path / "told", [member("a"), member("b")], rules)
    told.run({"a": [Ended(ABORTED, "run 1 (a) was ended: ada asked")]})
    assert (told.begun, told.not_run(), told.interrupted()) == (["a"], {"b": "run 1 (a) was ended: ada asked"}, {"b"})
    between = Told(tmp_path / "between", [member("a"), member("b")], rules)
    between.run({}, lambda: "the suite was ended by SIGTERM" if between.begun else "")
    assert (between.begun, between.interrupted()) == (["a"], {"b"})
    last = run_set.entries(between.suite.folder)[-1].what
    assert last == run_set.SetEnded(because="the suite was ended by SIGTERM")


def test_a_suite_that_breaks_says_that_it_did_not_end_as_it_should(tmp_path: Path) -> None:
    told = Told(tmp_path, [member("a"), member("b")], Rules())
    with pytest.raises(IndexError):
        told.run({"a": []})
    assert run_set.entries(told.suite.folder)[-1].what == run_set.SetEnded(because="whoever ran the suite went away")
