"""What a run is told while samples come in: it never says more than the whole record bears out."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.proofs.look_schedule import Schedule
from faildrill.proofs.looks import Interval, Question, Word
from faildrill.proofs.records import Cadence, Heard
from faildrill.proofs.streaks import Asked
from faildrill.record.samples import SEEN_LATE, Outcome, Sample
from unit.judging.worlds import MODES, MS, Look, Window, World, columns, seeded

OK = Outcome.OK
SLOW = 100
EVERY = 20
WORDS: tuple[Word, ...] = ("ok", "not ok", "saw", "saw not")
OPPOSITES: tuple[Word, ...] = ("ok", "not ok")
FAILURES = [Outcome.REFUSED, Outcome.RESET, Outcome.TIMED_OUT, Outcome.WRONG, Outcome.UNREACHABLE]
NOTHING = [Outcome.SKIPPED, Outcome.BROKEN, Outcome.OPEN, Outcome.THROTTLED]


def plan(every: int = EVERY, timeout: int = 500) -> ProbePlan:
    return ProbePlan(name="pay", use=KindUse(kind="http.request"), every=every / 1000, timeout=timeout / 1000)


def look(due: int, took: int = 2, outcome: Outcome = OK, who: str = "", detail: str = "") -> Sample:
    """Give a look; times in ms."""
    return Sample("pay", due * MS, due * MS, (due + took) * MS, outcome, who, detail)


def good(since: int, until: int, every: int = EVERY) -> list[Sample]:
    return [look(due) for due in range(since, until, every)]


def silent(since: int, until: int, timeout: int = 500) -> list[Sample]:
    return [look(due, timeout, Outcome.TIMED_OUT) for due in range(since, until, EVERY)]


def asked(
    samples: Iterable[Sample], hold: int = 300, word: Word = "ok", who: str = "", made: ProbePlan | None = None
) -> Interval | None:
    """Feed samples in the order in which they are answered; return the first stretch that met it, in ms."""
    schedule = Schedule(made or plan())
    schedule.fix(SLOW * MS)
    asking = Asked(Question(word, who), {"pay": schedule}, 0, hold * MS)
    for one in sorted(samples, key=lambda sample: sample.answered):
        schedule.take(one)
        asking.take(one)
        if (found := asking.met) is not None:
            return Interval(found.since // MS, found.by // MS)
    return None


TABLE = {
    # outcome, who: what it says to `ok`, `not ok`, `saw pay1`, `saw not pay1`
    (OK, ""): "yes no no no",
    (OK, "pay1"): "yes no yes no",
    (OK, "pay2"): "yes no no yes",
    (OK, "pay1,pay2"): "yes no yes no",
    **{(one, ""): "no yes no no" for one in FAILURES},
    **{(one, "pay1"): "no yes yes no" for one in FAILURES},
    **{(one, "pay2"): "no yes no yes" for one in FAILURES},
    **{(one, who): "- - - -" for one in NOTHING for who in ("", "pay1", "pay2")},
}


@pytest.mark.says("| held back, open, throttled, broken, not recorded | nothing | nothing | nothing | nothing |")
@pytest.mark.says("| `who` names others only | | | against | for |")
@pytest.mark.says("| `who` names WHO (also among others) | | | for | against |")
@pytest.mark.says("| dark | against | for | by `who` | by `who` |")
@pytest.mark.says("| alive (good) | for | against | by `who` | by `who` |")
@pytest.mark.parametrize(("outcome", "who"), TABLE)
@pytest.mark.parametrize("place", range(4))
def test_each_sort_of_look_says_to_each_word_what_the_table_says(outcome: Outcome, who: str, place: int) -> None:
    word = WORDS[place]
    pro, con = Question(word, "pay1" if place > 1 else "").answer(look(0, 2, outcome, who), SLOW * MS)
    said = {(True, False): "yes", (False, True): "no", (False, False): "-"}[pro is not None, con is not None]
    assert said == TABLE[outcome, who].split()[place]


@pytest.mark.says("| alive and dark (good, but beyond `slow`) | both | both | by `who` | by `who` |")
@pytest.mark.parametrize("word", OPPOSITES)
def test_a_good_look_beyond_slow_says_both_of_is_ok_and_is_not_ok(word: Word) -> None:
    pro, con = Question(word).answer(look(0, 150), SLOW * MS)
    dark, alive = Interval(0, SLOW * MS), Interval(50 * MS, 150 * MS)
    assert (pro, con) == ((alive, dark) if word == "ok" else (dark, alive))


def test_a_look_that_was_seen_late_says_nothing_of_slowness() -> None:
    _, con = Question("ok").answer(look(0, 150, detail=SEEN_LATE), SLOW * MS)
    assert con is None


def test_every_outcome_is_in_the_table() -> None:
    assert {outcome for outcome, _ in TABLE} == set(Outcome)


@pytest.mark.says(
    "from the end `r` of the first to the beginning `l` of the last lies at least `H`; where `H` is 0, one such look "
    "is enough and nothing else is asked;"
)
def test_good_looks_are_good_from_the_first_answer_to_the_last_sending() -> None:
    assert asked(good(0, 1000)) == (2, 320)


@pytest.mark.says(
    "So good answers count until the last of them was *sent*, not until now; one good look and then silence is never "
    "good for any time."
)
def test_one_good_look_and_then_silence_is_good_for_no_time() -> None:
    assert asked([look(0), *silent(20, 2000)]) is None


def test_three_answers_and_then_nothing_at_all_are_no_warm_up() -> None:
    assert asked(good(0, 60), hold=100) is None


@pytest.mark.says(
    "For `is ok` one that ought to have been answered by now (a look that proves something was answered more than "
    "`every + slow` after it was due) is not waited for: it is taken to be against it, in `[due, due + every + "
    "slow]`."
)
def test_looks_that_were_never_recorded_may_have_been_dark() -> None:
    rest = [one for one in good(0, 2000) if not 100 <= one.due // MS < 140]
    found = asked(rest)
    assert found is not None
    assert found.since >= 120 + SLOW


def test_looks_that_are_held_back_keep_nothing_alive() -> None:
    assert asked([*good(0, 60), *(look(due, 0, Outcome.SKIPPED) for due in range(60, 3000, 20))]) is None


@pytest.mark.says(
    "from each `l` to the next there are at most three intervals and `slow` (`3 * every + slow`): nobody stood still "
    "meanwhile;"
)
def test_a_prober_that_stood_still_begins_anew() -> None:
    def stalled(since: int) -> list[Sample]:
        return [
            *good(0, since),
            *(look(due, 300 - due, Outcome.SKIPPED) for due in range(since, 300, 20)),
            *good(300, 340),
        ]

    assert asked(stalled(60)) is None
    assert asked(stalled(200)) == (2, 320)  # a little is no standing still


def test_silence_is_dated_to_its_sending_and_leaves_what_is_good_alone() -> None:
    """What was sent in a hang is given up in the midst of good looks, and says nothing of them."""
    found = asked([*silent(0, 400), *good(400, 2000)])
    assert found is not None
    assert 400 <= found.since <= 400 + SLOW + EVERY
    assert found.by - found.since < 300 + 2 * EVERY


@pytest.mark.says(
    "no look of the schedule that was due before the last one's `l` is still *pending*: without a sample, while no "
    "look of the probe that proves something was answered more than `timeout + 1 s` after it was due."
)
def test_a_look_under_way_that_may_turn_out_dark_is_waited_for() -> None:
    """Answered in time, it costs nothing; given up, the row begins after it."""
    rest = [one for one in good(0, 2000) if one.due != 200 * MS]
    assert asked([*rest, look(200, 90)]) == (2, 320)
    found = asked([*rest, look(200, 500, Outcome.TIMED_OUT)])
    assert found is not None
    assert found.since >= 200 + SLOW


@pytest.mark.says("no look *against* it has `l` before the last one's `l` and `r` after the first one's `r`;")
def test_one_bad_look_between_two_good_ones_is_not_missed() -> None:
    found = asked([*good(0, 200), look(200, 1, Outcome.WRONG), *good(220, 1000)])
    assert found is not None
    assert found.since == 222


def test_an_answer_that_comes_late_but_within_slow_is_good() -> None:
    assert asked([look(due, 90) for due in range(0, 1000, 20)]) is not None


def test_it_is_not_ok_from_the_first_darkness_to_the_last_sending_of_it() -> None:
    bad = [look(due, 2, Outcome.REFUSED) for due in range(0, 1000, 20)]
    assert asked(bad, word="not ok") == (2, 320)
    assert asked([*bad[:5], look(100), *bad[6:12]], hold=200, word="not ok") is None


def test_a_look_that_could_not_look_is_no_darkness() -> None:
    for outcome in NOTHING:
        assert asked([look(due, 2, outcome) for due in range(0, 1000, 20)], 0, "not ok") is None


@pytest.mark.says("| `who` is empty, but the look proves something | | | against | against |")
def test_nobody_seen_is_not_somebody_else_seen() -> None:
    nobody = [look(due, 2, outcome) for due, outcome in enumerate([OK, *FAILURES, *NOTHING])]
    assert asked(nobody, 0, "saw not", "db1") is None
    assert asked([*nobody, look(100, who="db1")], 0, "saw not", "db1") is None
    assert asked([*nobody, look(100, who="db2")], 0, "saw not", "db1") is not None


def test_who_is_seen_for_a_time_must_be_seen_all_of_it() -> None:
    seen = [look(due, who="db2") for due in range(0, 1000, 20)]
    assert asked(seen, 300, "saw", "db2") == (2, 320)
    seen[9] = look(180, who="db1")
    assert asked(seen, 300, "saw", "db2") == (202, 520)


def test_a_prober_that_keeps_no_schedule_is_waited_for_in_nothing() -> None:
    drifting = [look(due) for due in range(0, 1000, 23)]
    assert asked(drifting) is not None


def test_looks_beside_the_schedule_leave_nobody_waiting() -> None:
    assert asked([*good(0, 1000), look(111, 1), look(113, 1)]) == (2, 320)


worlds = st.builds(
    lambda seed, windows, in_flight, slowest: (
        seeded(seed),
        World(
            tuple(
                Window(began * MS + number * 700 * MS, (began + length) * MS + number * 700 * MS, mode)
                for number, (began, length, mode) in enumerate(windows)
            ),
            EVERY * MS,
            slowest * MS,
            300 * MS,
            3 * MS,
            in_flight,
            700 * MS * (len(windows) + 1),
        ),
    ),
    seed=st.integers(0, 2**32),
    windows=st.lists(st.tuples(st.integers(50, 200), st.integers(1, 400), st.sampled_from(MODES)), max_size=4),
    in_flight=st.sampled_from([2, 5, 10**6]),
    slowest=st.integers(1, 90),
)


def fed(seen: list[Look], word: Word, since: int, hold: int) -> tuple[int, Interval] | None:
    """Feed looks as they are answered; return when it was first met, and by which stretch."""
    made = plan(timeout=300)
    schedule = Schedule(made)
    schedule.fix(SLOW * MS)
    asking = Asked(Question(word), {"pay": schedule}, since, hold)
    for one in sorted(seen, key=lambda look: look.answered):
        sample = Sample("pay", one.due, one.sent, one.answered, one.outcome)
        schedule.take(sample)
        asking.take(sample)
        if (found := asking.met) is not None:
            return one.answered, found
    return None


@pytest.mark.says("A later sample never takes a yes back.")
@settings(max_examples=200, deadline=None)
@given(made=worlds, since=st.integers(0, 500), hold=st.integers(1, 400))
def test_what_is_met_at_any_moment_is_borne_out_by_the_whole_record(made: tuple, since: int, hold: int) -> None:  # type: ignore[type-arg]
    random, world = made
    seen = world.seen(random)
    for word in OPPOSITES:
        met = fed(seen, word, since * MS, hold * MS)
        if met is None:
            continue
        at, stretch = met
        assert since * MS <= stretch.since <= stretch.by - hold * MS <= at
        told = Heard(columns(seen), Question(word), Cadence(MS, SLOW * MS), stretch)
        assert told.longest >= stretch.by - stretch.since
        assert told.is_seen


@pytest.mark.says(
    "Everything that is said about a probe (a wait is met, the warm-up is over, the place is steady again, a "
    "condition aborts, a claim holds) is answered from the same proofs."
)
@settings(max_examples=120, deadline=None)
@given(made=worlds, hold=st.integers(150, 400))
def test_what_is_said_to_be_good_was_dark_for_no_longer_than_can_hide(made: tuple, hold: int) -> None:  # type: ignore[type-arg]
    """The truth: a hang within the stretch would have been longer than two looks are apart, and seen."""
    random, world = made
    met = fed(world.seen(random), "ok", 0, hold * MS)
    if met is None:
        return
    hides = 3 * EVERY * MS + 2 * SLOW * MS
    for began, ended, _ in world.windows:
        assert min(ended, met[1].by) - max(began, met[1].since) <= hides


def test_a_service_that_is_well_is_told_as_soon_as_it_was_so_for_long_enough() -> None:
    world = World((), EVERY * MS, 5 * MS, 300 * MS, MS, 10**6, 2000 * MS)
    met = fed(world.seen(seeded(1)), "ok", 0, 400 * MS)
    assert met is not None
    assert met[0] <= 400 * MS + 3 * EVERY * MS
