"""Waits, the warm-up, steadiness and aborts: the sentences of docs/judging.md on them, one by one."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from faildrill.judging.result import Finding, Verdict
from faildrill.model.drill import Condition, Wait
from faildrill.probing.health import SampleWatch
from faildrill.proofs.look_schedule import Schedule
from faildrill.proofs.looks import Interval, Question, Word
from faildrill.proofs.streaks import Asked
from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Outcome, Recorder, Sample
from faildrill.record.timeline import FILE, Timeline, WaitEnded, entries
from faildrill.running.course import Course
from faildrill.running.stop_request import Stop
from faildrill.running.wait import wait
from faildrill.testing import LoopClock, run
from support.virtual import Simulation
from unit.judging.page.records import SLOW, judged, look, lost, plan
from unit.judging.runs import Run, ns, ticks
from unit.judging.worlds import MS

OK, REFUSED, TIMED_OUT, SKIPPED = Outcome.OK, Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.SKIPPED
WORDS: tuple[Word, ...] = ("ok", "not ok", "saw", "saw not")
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def asked(
    samples: Iterable[Sample],
    hold: int,
    question: Question | None = None,
    probes: tuple[str, ...] = ("pay",),
    since: int = 0,
) -> Interval | None:
    """Ask samples, in the order in which they were answered; return the first stretch that met it, in ms."""
    question = question or Question("ok")
    schedules = {name: Schedule(plan(name=name)) for name in probes}
    for schedule in schedules.values():
        schedule.fix(SLOW * MS)
    asking = Asked(question, schedules, since * MS, hold * MS)
    for one in sorted(samples, key=lambda sample: sample.answered):
        schedules[one.probe].take(one)
        asking.take(one)
        if (stretch := asking.met) is not None:
            return Interval(stretch.since // MS, stretch.by // MS)
    return None


def good(since: int, until: int, probe: str = "pay", who: str = "") -> list[Sample]:
    return [look(due, who=who)._replace(probe=probe) for due in range(since, until, 20)]


@pytest.mark.says(
    "Each speaks of some moment in an interval `[l, r]`: for `is ok` and `is not ok` in that of its life or its "
    "darkness (see above), for `saw` and `saw not` in `[sent, answered]`."
)
def test_a_word_is_asked_of_the_interval_that_a_look_proves() -> None:
    late = look(0, 250, who="db1")
    told = {word: Question(word, "db1").answer(late, SLOW * MS) for word in WORDS}
    alive, dark, seen = Interval(150 * MS, 250 * MS), Interval(0, SLOW * MS), Interval(0, 250 * MS)
    assert told == {"ok": (alive, dark), "not ok": (dark, alive), "saw": (seen, None), "saw not": (None, seen)}


@pytest.mark.says(
    "**It is met (yes)**, asked from a moment `T0` on and for a time `H`, when there are looks *for* it with `l ≥ T0`"
    " such that, in the order of their `l`,"
)
def test_it_is_met_by_looks_that_speak_of_no_moment_before_it_is_asked() -> None:
    assert asked(good(0, 1000), 300, since=200) == (202, 520)
    assert asked([look(199)], 0, since=200) is None
    assert asked([look(200)], 0, since=200) is not None


@pytest.mark.says(
    "With `all`, `is ok` must hold of every probe over the same stretch (from the latest of the first ends to the "
    "earliest of the last beginnings); `is not ok`, `saw` and `saw not` must hold of at least one."
)
def test_all_are_ok_over_the_same_stretch_and_anything_else_of_one() -> None:
    both = ("pay", "shop")
    shop = [*(look(due, outcome=REFUSED)._replace(probe="shop") for due in range(0, 400, 20)), *good(400, 1000, "shop")]
    assert asked([*good(0, 1000), *shop], 300, probes=both) == (402, 720)
    assert asked([*good(0, 1000), *shop], 300, Question("not ok"), probes=both) == (2, 320)
    one = [*good(0, 1000), *good(0, 1000, "shop", who="db2")]
    assert asked(one, 300, Question("saw", "db2"), probes=both) is not None
    assert asked(one, 300, Question("saw not", "db1"), probes=both) is not None


# what a whole record says of a wait


def waited(until: dict[str, Any], hold: float = 1.0, *, met: bool = True) -> Run:
    """Give a run with a wait from 4 s to 14 s."""
    step = {"id": "wait", "name": "wait for it", "until": {"probe": "pay", **until}, "hold": hold, "within": 10.0}
    made = Run(steps=[step]).usual().without(tl.WaitStarted, tl.WaitEnded)
    ended = tl.WaitEnded(step="wait", met=met, because="met" if met else "not seen within 10 s")
    return made.good(who="db1").but(4.0, tl.WaitStarted(step="wait", until="it", within=10.0)).but(14.0, ended)


def of_the_wait(made: Run, folder: Path) -> Finding:
    return next(one for one in judged(made, folder).findings if one.claim.startswith("wait for it"))


def every_900_ms(outcome: Outcome) -> dict[float, Outcome]:
    return dict.fromkeys(ticks(4.5, 14.0, 0.9), outcome)


@pytest.mark.says(
    "**It is not met (no)** within `[T0, T1]`, when on no probe concerned a stretch of it could hide: the longest "
    "stretch of `[T0, T1]` in which no interval of a look against it lies is shorter than `H`."
)
def test_it_is_not_met_where_looks_against_it_leave_no_stretch(tmp_path: Path) -> None:
    """Refused every 0.9 s it was never good for a second; refused every 1.2 s it may have been."""
    for apart, verdict in ((0.9, FAILED), (1.2, PASSED)):
        made = waited({}).saw(ticks(4.0, 14.1, apart), REFUSED)
        assert of_the_wait(made, tmp_path / f"{apart}").verdict is verdict


@pytest.mark.says("With `all`, `is ok` is not met when that is so on some probe.")
def test_all_are_not_ok_when_one_of_them_was_not(tmp_path: Path) -> None:
    made = waited({"probe": None})
    made.probes.append({**made.probes[0], "name": "shop"})
    made.good("shop").saw(ticks(4.0, 14.1, 0.9), REFUSED, name="shop")
    assert of_the_wait(made, tmp_path).verdict is FAILED


@pytest.mark.says("**Not known** otherwise.")
def test_what_the_record_leaves_open_is_neither_yes_nor_no() -> None:
    """Nobody looked for longer than it takes: live it is no yes, and on the record no no."""
    silent = [*good(0, 100), *good(800, 900)]
    assert asked(silent, 300) is None
    assert asked([*good(0, 100), *(look(due, 0, SKIPPED) for due in range(100, 800, 20)), *good(800, 900)], 300) is None


def wait_for(
    samples: list[Sample], until: Condition, outputs: dict[str, Any] | None = None, *, folder: Path, hold: float = 0.3
) -> tuple[float, WaitEnded]:
    """Wait in virtual time while samples come in when they are answered; return after how many ms it ended, and how."""

    async def main() -> float:
        loop, clock = asyncio.get_running_loop(), LoopClock()
        start, watching = clock.now_ns(), SampleWatch([plan()])
        watching.limit({"pay": SLOW / 1000})
        recorder = Recorder(Files(folder))
        watching.follow(Files(folder))
        for one in samples:
            moved = one._replace(due=one.due + start, sent=one.sent + start, answered=one.answered + start)
            loop.call_at(moved.answered / 1e9, recorder.record, moved)
        watcher = asyncio.create_task(polled(watching))
        timeline = Timeline.create(folder, clock)
        await wait(
            Wait(id="wait", name="wait", until=until, hold=hold, within=2.0), watching, clock, timeline, outputs or {}
        )
        watcher.cancel()
        return (clock.now_ns() - start) / MS

    async def polled(watching: SampleWatch) -> None:
        while True:
            watching.poll()
            await asyncio.sleep(0.005)

    took = run(main())
    [ended] = [one.what for one in entries(folder / FILE) if isinstance(one.what, WaitEnded)]
    return took, ended


@pytest.mark.says("**`wait: {until, for, within}`** is asked from when the wait began.")
def test_how_it_was_before_the_wait_began_proves_nothing(tmp_path: Path) -> None:
    """It was good for long when the wait began, and that is no part of it."""
    took, ended = wait_for(good(-1000, 2000), Condition(probe="pay"), folder=tmp_path)
    assert ended.met
    assert took >= 300


@pytest.mark.says("The drill goes on as soon as the answer is yes; after `within` it ran out.")
def test_the_drill_goes_on_at_once_and_after_within_it_ran_out(tmp_path: Path) -> None:
    for name, samples, met, soonest, latest in (
        ("met", good(0, 3000), True, 320, 380),
        ("ran out", [look(due, outcome=REFUSED) for due in range(0, 3000, 20)], False, 2000, 2050),
    ):
        (tmp_path / name).mkdir()
        took, ended = wait_for(samples, Condition(probe="pay"), folder=tmp_path / name)
        assert (ended.met, soonest <= took <= latest) == (met, True)


@pytest.mark.says(
    "A wait that ran out is FAILED; it is INCONCLUSIVE when it may have been so unseen: the record of the whole run "
    "does not say no of the time until then, and for longer than `3 * every + slow` of it no look says anything."
)
def test_a_wait_that_ran_out_may_have_been_met_unseen(tmp_path: Path) -> None:
    seen = waited({}, met=False).saw(ticks(4.0, 14.1, 0.9), REFUSED)
    assert of_the_wait(seen, tmp_path / "seen").verdict is FAILED
    unseen = lost(waited({}, met=False).saw(ticks(4.0, 14.1), REFUSED), 8.0, 10.0)
    assert of_the_wait(unseen, tmp_path / "unseen").verdict is INCONCLUSIVE
    short = lost(waited({}, 0.1, met=False).saw(ticks(4.0, 14.1), REFUSED), 8.0, 8.08)
    assert of_the_wait(short, tmp_path / "no longer than three intervals and slow").verdict is FAILED


@pytest.mark.says(
    "A wait that was met stays met unless looks against it leave no stretch of `H` (FAILED), or no look is for it "
    "whose `l` lies in that time, its ends included (INCONCLUSIVE)."
)
def test_a_wait_that_was_met_stays_met_unless_the_record_says_otherwise(tmp_path: Path) -> None:
    assert of_the_wait(waited({}), tmp_path / "met").verdict is PASSED
    contrary = waited({}).saw(ticks(4.0, 14.1), REFUSED)
    assert of_the_wait(contrary, tmp_path / "contrary").verdict is FAILED
    unseen = lost(waited({}), 3.9, 14.1)
    assert of_the_wait(unseen, tmp_path / "unseen").verdict is INCONCLUSIVE


@pytest.mark.says("**WHO** is a text that isn't empty.")
@pytest.mark.says(
    "A reference that gives nothing, an empty text, a list or anything else but a text is an error at its place: the "
    "wait ends at once, INCONCLUSIVE."
)
@pytest.mark.parametrize("given", [None, "", " ", [], ["db1"], {}, True])
def test_a_reference_that_names_nobody_ends_the_wait_at_once(given: object, tmp_path: Path) -> None:
    until = Condition(probe="pay", state="saw not", who="${steps.find.leader}")
    took, ended = wait_for(good(0, 3000), until, {"find": {"leader": given}}, folder=tmp_path)
    assert (ended.met, ended.asked, took < 20) == (False, False, True)
    made = waited({}).without(tl.WaitEnded).but(4.1, ended)
    assert of_the_wait(made, tmp_path / "judged").verdict is INCONCLUSIVE


# the warm-up, and steady again


@pytest.fixture
def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Simulation(tmp_path)


def driven(simulation: Simulation) -> list[tl.Entry]:
    async def main() -> None:
        await Course(simulation.lay_out(), Stop()).drive()

    run(main())
    return entries(simulation.folder / FILE)


def at(found: list[tl.Entry], kind: type[tl.Event]) -> int:
    return next(one.at for one in found if isinstance(one.what, kind))


@pytest.mark.says("It is refused 20 s (and three of the longest interval) after its length.")
def test_the_warm_up_is_refused_20_s_and_three_intervals_after_its_length(simulation: Simulation) -> None:
    simulation.fault("pay")
    (simulation.place / "pay.state").write_text("down")
    told = driven(simulation)
    waited_for = (at(told, tl.NotHealthy) - at(told, tl.ProberStarted)) / 1e9
    assert 1.0 + 20.0 + 3 * 0.05 < waited_for < 1.0 + 20.0 + 3 * 0.05 + 0.1


@pytest.mark.says("**Steady again** asks the same from the last undo on, with the `slow` of the warm-up.")
def test_steady_again_is_asked_from_the_last_undo_on(simulation: Simulation) -> None:
    """What was good all along is good for as long as the warm-up once more, from then on."""
    simulation.fault("pay")
    simulation.wait(2.0)
    told = driven(simulation)
    [steady] = [one for one in told if isinstance(one.what, tl.SteadyAgain)]
    assert isinstance(steady.what, tl.SteadyAgain)
    undone = at(told, tl.UndoVerified)
    assert steady.what.since >= undone
    assert steady.at - steady.what.since >= 1_000 * MS  # the warm-up's length, anew


def steadied(after: float, within: str = "60s") -> Run:
    """Give a run that was put back at 15.9 s and that was steady, as it saw, so long after."""
    made = Run(expect=[{"steady_again": {"within": within}}]).usual().good().without(tl.SteadyAgain)
    return made.but(19.5, tl.SteadyAgain(since=ns(15.9 + after), after=after))


def of_steadiness(made: Run, folder: Path) -> Finding:
    return next(one for one in judged(made, folder).findings if one.kind == "steady_again")


@pytest.mark.says(
    "It came *at most* so long after the undo as the first end `r` of the stretch, of the latest probe; and *at "
    "least* so long as the last `l` of a look against it before that stretch (at least nothing)."
)
@pytest.mark.says(
    "`steady_again: {within}` PASSES when *at most* is within the limit, is FAILED when *at least* is beyond it, "
    "INCONCLUSIVE between."
)
def test_steady_again_lies_between_the_last_look_against_it_and_the_first_answer(tmp_path: Path) -> None:
    """Refused until 16.38 s (0.48 s after the undo), and answered well in 16.90 s (1 s after it)."""
    for within, verdict in (("1s", PASSED), ("990ms", INCONCLUSIVE), ("490ms", INCONCLUSIVE), ("470ms", FAILED)):
        made = lost(steadied(1.0, within).saw(ticks(15.9, 16.4), REFUSED), 16.4, 16.88)
        told = of_steadiness(made, tmp_path / within)
        assert told.verdict is verdict
    assert "at least 480 ms, at most 1.00 s" in told.because


@pytest.mark.says(
    "Where no look says that it was not good, it is *at least* what the run saw, or nothing where no look says "
    "anything for longer than `3 * every + slow`: no interval lies in that stretch."
)
def test_where_no_look_was_against_it_it_is_what_the_run_saw_or_nothing(tmp_path: Path) -> None:
    assert of_steadiness(steadied(1.0, "900ms"), tmp_path / "seen").verdict is FAILED
    blind = lost(steadied(1.0, "900ms"), 15.9, 16.8)
    assert of_steadiness(blind, tmp_path / "blind").verdict is INCONCLUSIVE
    short = lost(steadied(1.0, "900ms"), 16.0, 16.08)  # three intervals and slow are 110 ms
    assert of_steadiness(short, tmp_path / "short").verdict is FAILED
