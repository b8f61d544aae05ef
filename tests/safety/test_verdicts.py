"""P6 to P9: lies are found out, a failure stops no undo, nothing unseen passes, nothing is done twice."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.acting.undo import open_intents
from faildrill.judging.result import Verdict
from faildrill.record.timeline import FILE, Happened, SteadyAgain, Undoing, Undone, UndoVerified, entries
from safety.trials import series
from support.simulation import Lived, World, fault, live_in

NAMES = ("one", "two", "three", "four")
EFFECTIVE = ("works", "works", "answers late", "hangs", "fails after", "clings")
PROVES_NOTHING = ("lies", "refuses", "fails", "crashes", "exits")
OPEN = ("answers late", "fails after", "hangs", "clings", "comes late")


def one_lies(folder: Path, draw: random.Random) -> list[str]:
    """One of several undos says that it did and does nothing, or comes too late."""
    names = NAMES[: draw.randint(1, 3)]
    world = World(0)
    liar = draw.choice(names)
    lie = draw.choice([{"undo": "lies"}, {"undo": "works late", "undo_delay": "9s"}])
    for name in names:
        how = {"apply": draw.choice(EFFECTIVE)} if name == names[-1] else {}
        world.steps.append(fault(folder, name, **how, **(lie if name == liar else {})))
    lived = live_in(world, folder)
    if "call" not in lived.book(liar, "story"):
        return []
    wrong = [] if lived.verdict is Verdict.UNSAFE else [f"{liar} lies, and it is {lived.verdict}"]
    return wrong if lived.is_marked else [*wrong, "no mark"]


def test_an_undo_that_does_nothing_is_always_unsafe(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(100, 500)
    wrong = series(ground, one_lies, count)
    figure(f"P6 undos that lie: {len(wrong)} not UNSAFE in {count}")
    assert wrong == []


CASES = [
    (names, broken, how)
    for names in (NAMES[:count] for count in (1, 2, 3, 4))
    for broken in itertools.chain.from_iterable(itertools.combinations(names, k) for k in range(1, len(names) + 1))
    for how in ("fails", "hangs", "lies", "clings")
]


def some_break(folder: Path, draw: random.Random) -> list[str]:
    """Some of several undos break; which and how is counted by the seed."""
    names, broken, how = CASES[draw.randrange(len(CASES))]
    return _broken(folder, names, broken, how)


def _broken(folder: Path, names: tuple[str, ...], broken: tuple[str, ...], how: str) -> list[str]:
    world = World(0, [fault(folder, name, **({"undo": how} if name in broken else {})) for name in names])
    lived = live_in(world, folder)
    tried = [entry.what.step for entry in entries(lived.folder / FILE) if isinstance(entry.what, Undoing)]
    left = tuple(name for name in names if lived.state(name) != "up")
    wrong = [] if tried == list(reversed(names)) else [f"{broken} {how} of {names}: tried {tried}"]
    return wrong if left == broken else [*wrong, f"{broken} {how} of {names}: left {left}"]


def test_whichever_undos_break_the_others_are_done_in_reverse(ground: Path, figure: Callable[[str], None]) -> None:
    wrong = series(ground, _nth_case, len(CASES))
    figure(f"P7 any k of n undos break: {len(wrong)} not tried or not in reverse in all {len(CASES)} cases")
    assert wrong == []


def _nth_case(folder: Path, draw: random.Random) -> list[str]:
    """The seed of a series is the number of the trial: take its place in the list from the first draw of each."""
    return _broken(folder, *CASES[SEEDED[draw.random()]])


SEEDED = {random.Random(seed).random(): seed for seed in range(len(CASES))}  # noqa: S311 - the trials' own seeds


def nothing_done(folder: Path, draw: random.Random) -> list[str]:
    """At least one of the faults proves nothing."""
    names = NAMES[: draw.randint(1, 3)]
    world = World(0)
    idle = draw.choice(names)
    for name in names:
        world.steps.append(fault(folder, name, apply=draw.choice(PROVES_NOTHING if name == idle else ("works",))))
    lived = live_in(world, folder)
    return ["it PASSED"] if lived.verdict is Verdict.PASSED else []


def test_nothing_passes_whose_effect_was_not_seen(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(100, 500)
    wrong = series(ground, nothing_done, count)
    figure(f"P8 faults that do nothing: {len(wrong)} false passes in {count}")
    assert wrong == []


def left_open(folder: Path, draw: random.Random) -> list[str]:
    """Every call does it and gives no good answer."""
    names = NAMES[: draw.randint(1, 2)]
    world = World(0)
    for name in names:
        world.steps.append(fault(folder, name, apply=draw.choice(OPEN), delay=draw.choice(("0ms", "500ms", "1500ms"))))
    if draw.random() < 0.5:
        world.asks = [draw.uniform(0.4, 4.0)]
    lived = live_in(world, folder)
    return [f"{name}: {_story(lived, name)}" for name in names if _story(lived, name).count("call") > 1]


def _story(lived: Lived, name: str) -> list[str]:
    return lived.book(name, "story")


def test_a_call_that_changes_something_is_made_once(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(100, 500)
    wrong = series(ground, left_open, count)
    figure(f"P9 targets that apply, then say 503, drop or stall: {len(wrong)} double effects in {count}")
    assert wrong == []


def test_what_was_given_up_and_comes_after_its_undo_is_put_back_again(tmp_path: Path) -> None:
    world = World(0, [fault(tmp_path, "one", apply="comes late", delay="6500ms")])  # looked for 5 s, then put back
    lived = live_in(world, tmp_path)
    assert (lived.state("one"), lived.is_marked, lived.verdict) == ("up", False, Verdict.INCONCLUSIVE)
    assert lived.book("one", "story") == ["call", "call-back", "undo", "came", "call-back", "undo"]


def test_what_was_given_up_and_never_comes_is_told_to_have_stayed_open(tmp_path: Path) -> None:
    lived = live_in(World(0, [fault(tmp_path, "one", apply="comes late", delay="60s")]), tmp_path)
    told = [one.what.told for one in entries(lived.folder / FILE) if isinstance(one.what, Happened)]
    assert told == ["its outcome stayed open: looked for 2 s after it was put back, and nothing came"]
    assert (lived.is_marked, lived.verdict) == (False, Verdict.INCONCLUSIVE)


def _falls_again(folder: Path, *names: str, asks: tuple[float, ...] = ()) -> Lived:
    """Live through a run whose first step is put back, and gone again before all is steady; no probe sees that."""
    falls = {"undo": "falls again", "undo_delay": "400ms"}
    world = World(0, unwatched=frozenset(names), asks=[*asks])
    world.steps += [fault(folder, name, **(falls if name == names[0] else {})) for name in names]
    return live_in(world, folder)


@pytest.mark.says(
    "**It must stay so.** When the wait for all to be steady is over, faildrill looks once more at what was put "
    "back, for `undo_within` and at most 10 s (one look may take all of `undo_within`): a service that was "
    "started again may die at once, and others may hide that from the probes."
)
def test_what_was_put_back_and_is_gone_again_when_all_is_steady_is_unsafe(tmp_path: Path) -> None:
    lived = _falls_again(tmp_path, "one")
    assert any(isinstance(one.what, SteadyAgain) for one in entries(lived.folder / FILE))
    assert (lived.state("one"), lived.is_marked, lived.verdict) == ("down", True, Verdict.UNSAFE)


@pytest.mark.says(
    "If it has not stayed so, the run is UNSAFE; it is not put back again, as somebody may want it so, but "
    "`faildrill recover` does."
)
def test_what_is_gone_again_is_what_recover_puts_back(tmp_path: Path) -> None:
    lived = _falls_again(tmp_path, "one", "two")
    assert [one.step for one in open_intents(entries(lived.folder / FILE))] == ["one"]


@pytest.mark.says("A second Ctrl-C skips that look.")
def test_who_asks_twice_leaves_the_last_look_out(tmp_path: Path) -> None:
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
    once, twice = (
        _falls_again(tmp_path / name, "one", asks=asks) for name, asks in (("once", (0.7,)), ("twice", (0.7, 0.8)))
    )
    assert (once.verdict, twice.verdict) == (Verdict.UNSAFE, Verdict.ABORTED)


@pytest.mark.says("If two steps changed the same thing, the first one counts, as it was put back last.")
def test_a_step_whose_place_an_earlier_one_takes_again_is_put_back(tmp_path: Path) -> None:
    """The second step found the first one's effect, and put that back; then the first one was put back as well."""
    first, second = fault(tmp_path, "one", apply="works"), fault(tmp_path, "one", apply="lies")
    world = World(0, unwatched=frozenset({"one", "again"}))
    world.steps += [first, second.model_copy(update={"id": "again", "name": "again"})]
    lived = live_in(world, tmp_path)
    known = [one.what for one in entries(lived.folder / FILE)]
    assert [one.step for one in known if isinstance(one, Undone)] == ["again", "one"]
    assert {one.step for one in known if isinstance(one, UndoVerified)} == {"again", "one"}
    assert (lived.state("one"), lived.is_marked, lived.verdict) == ("up", False, Verdict.INCONCLUSIVE)


def test_what_takes_long_to_look_at_has_its_time_when_all_is_steady_too(tmp_path: Path) -> None:
    """It is seen to be back. Nobody waited so long before it was put back, so whose it was by then isn't known."""
    slow = fault(tmp_path, "one", looking="9s")
    world = World(0, [slow.model_copy(update={"within": 60.0, "undo_within": 60.0})], unwatched=frozenset({"one"}))
    lived = live_in(world, tmp_path)
    assert (lived.state("one"), lived.is_marked, lived.verdict) == ("up", False, Verdict.INCONCLUSIVE)
    [undone] = [one.what for one in entries(lived.folder / FILE) if isinstance(one.what, UndoVerified)]
    assert undone.uncompared
