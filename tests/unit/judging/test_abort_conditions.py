"""Abort conditions on samples as they come, fed in the order in which a prober records them."""

from collections.abc import Iterable

import pytest

from faildrill.judging.aborts.abort_conditions import ErrorsAbove, OutageLonger
from faildrill.model.drill import ProbePlan
from faildrill.ports import Rate, Watcher
from faildrill.ports.target import KindUse
from faildrill.record.samples import SEEN_LATE, Outcome, Sample

MS = 1_000_000
RATE = Rate(0.1, 0.05, 0.5)
PLAN = ProbePlan(name="pay", use=KindUse(kind="http.request"), every=0.1, timeout=0.5)


def outage(longer_than: str = "1s", *, slow: float = 0.05) -> Watcher:
    condition = OutageLonger.model_validate({"of": "pay", "longer_than": longer_than})
    return condition.watch({"pay": Rate(PLAN.every, slow)})


def sample(at: int, outcome: Outcome = Outcome.OK, took: int = 2, detail: str = "") -> Sample:
    """Give a look due at `at` ms that took `took` ms."""
    return Sample("pay", at * MS, at * MS, (at + took) * MS, outcome, "", detail)


def first(watcher: Watcher, samples: Iterable[Sample]) -> int | None:
    """Return the ms at which the watcher asks to abort, ticking after each sample."""
    for one in samples:
        if watcher.feed(one) or watcher.tick(one.answered):
            return one.due // MS
    return None


def looks(since: int, until: int, outcome: Outcome = Outcome.OK, took: int = 2) -> list[Sample]:
    return [sample(at, outcome, took) for at in range(since, until, 100)]


@pytest.mark.says(
    "| `outage: {of, longer_than: 2m}` | it is dark for longer than the limit, or nobody can tell whether it is |"
)
@pytest.mark.says("`abort_when` weighs each sample as it comes.")
def test_an_outage_aborts_with_the_first_sample_that_proves_it_longer() -> None:
    watcher = outage()
    assert first(watcher, [*looks(0, 1000), *looks(1000, 4000, Outcome.REFUSED)]) == 2100


def test_the_reason_names_the_probe_and_the_limit() -> None:
    watcher = outage()
    reasons = [watcher.feed(one) for one in looks(0, 1200, Outcome.REFUSED)]
    assert reasons[-1] == "pay is dark for 1.1 s, longer than 1 s"


def test_good_looks_never_abort() -> None:
    assert first(outage("1ms"), looks(0, 20_000)) is None


@pytest.mark.says(
    "**It is dark** from the earliest end of a dark interval, with no interval of life that ends after it, to the "
    "latest beginning of one."
)
def test_a_good_look_between_begins_the_outage_anew() -> None:
    some = [*looks(0, 900, Outcome.REFUSED), sample(900), *looks(1000, 1900, Outcome.REFUSED), *looks(1900, 5000)]
    assert first(outage(), some) is None


@pytest.mark.says(
    "**It is dark** from the earliest end of a dark interval, with no interval of life that ends after it, to the "
    "latest beginning of one."
)
def test_a_good_look_that_was_sent_before_the_outage_does_not_end_it() -> None:
    """It may have been alive up to its answer at 1020: what is dark from 1102 on is dark for a second at 2200."""
    watcher = outage()
    some = [*looks(1000, 1900, Outcome.REFUSED), sample(990, took=30), *looks(1900, 2400, Outcome.REFUSED)]
    assert first(watcher, some) == 2200


@pytest.mark.says("What was dark before the last proof of life is no part of it.")
def test_an_old_silence_that_is_given_up_later_is_no_part_of_a_new_outage() -> None:
    """Dark for 0.6 s, good for 2.7 s, then a short refusal: two outages, none of them as long as the limit."""
    watcher = outage()
    hung = [sample(at, Outcome.TIMED_OUT, 2000) for at in range(1000, 1600, 100)]
    some = [*looks(0, 1000), *hung, *looks(1600, 4300), *looks(4300, 4600, Outcome.REFUSED), *looks(4600, 6000)]
    assert first(watcher, sorted(some, key=lambda one: one.answered)) is None


@pytest.mark.says(
    "So an outage ends the run at the latest twice `slow` and three intervals after it has lasted for its limit, "
    "whatever the timeout, and however many looks are held back."
)
def test_a_hang_aborts_soon_after_the_limit_though_further_looks_are_held_back() -> None:
    """Looks every 4 ms with a timeout of 5 s: the cap on those under way is reached long before one is given up."""
    condition = OutageLonger.model_validate({"of": "pay", "longer_than": "1s"})
    watcher = condition.watch({"pay": Rate(0.004, 0.25, 5.0)})
    aborted: int | None = None
    for at in range(0, 8000, 4):
        one = sample(at, took=2) if at < 2000 else sample(at, Outcome.SKIPPED, 0)
        is_under_way = 2000 <= at < 3000
        reasons = [None if is_under_way else watcher.feed(one), watcher.tick(at * MS)]
        if aborted is None and any(reasons):
            aborted = at
    assert aborted is not None
    assert 3000 < aborted <= 3000 + 250 + 20


@pytest.mark.says("Here a good look beyond `slow` is only dark: it takes an answer in time to end an outage.")
def test_answers_slower_than_slow_are_dark() -> None:
    assert first(outage(), looks(0, 3000, took=80)) == 1100


def test_answers_that_the_prober_itself_saw_late_are_not_dark() -> None:
    assert first(outage(), [sample(at, took=80, detail=f"x {SEEN_LATE}") for at in range(0, 3000, 100)]) is None


def test_no_answer_for_three_intervals_is_dark_from_then_on() -> None:
    watcher = outage()
    assert first(watcher, looks(0, 1000)) is None
    assert watcher.tick(2190 * MS) is None
    assert watcher.tick(2210 * MS) == "pay is dark for 1.01 s (no look came back), longer than 1 s"


@pytest.mark.says(
    "Where no look that proves anything comes any more for `slow` (three intervals, where those are longer), it is "
    "taken to be dark until now."
)
def test_silence_goes_on_from_what_was_dark_before() -> None:
    watcher = outage()
    assert first(watcher, [*looks(0, 500), *looks(500, 1000, Outcome.REFUSED)]) is None
    assert watcher.tick(1510 * MS) is not None


@pytest.mark.says(
    "**Nobody can tell** where no look shows it alive: then it counts from `slow` (or three intervals) "
    "after the end of the last interval of life, or after the first step."
)
def test_a_prober_that_never_says_a_word_is_silent_from_the_start() -> None:
    watcher = outage()
    assert watcher.tick(0) is None
    assert watcher.tick(1290 * MS) is None
    assert watcher.tick(1310 * MS) is not None


@pytest.mark.says("It must not miss what it is there for, so it also ends the run when it can't look.")
@pytest.mark.parametrize("outcome", [one for one in Outcome if not one.is_look])
def test_a_condition_that_cannot_look_for_longer_than_its_limit_aborts(outcome: Outcome) -> None:
    assert first(outage(), [*looks(0, 500), *looks(500, 1600, outcome, 0)]) is None
    assert first(outage(), [*looks(0, 500), *looks(500, 5000, outcome, 0)]) == 1800


def errors(above: str | int, over: str = "5s", rate: Rate = RATE) -> Watcher:
    return ErrorsAbove.model_validate({"of": "pay", "above": above, "over": over}).watch({"pay": rate})


@pytest.mark.says(
    "| `errors: {of, above: 10%, over: 5s}` | more looks fail than that share or number within `over`, or nobody can "
    "tell |"
)
def test_errors_above_a_share_abort() -> None:
    some = [sample(at, Outcome.WRONG if at % 500 == 0 else Outcome.OK) for at in range(100, 9000, 100)]
    assert first(errors("10%"), some) == 1000
    assert first(errors("30%"), some) is None


@pytest.mark.says(
    "**Errors** are weighed at each failed look, over the looks of the schedule recorded so far that were due within "
    "`over` up to it (`(due - over, due]`)."
)
def test_errors_are_counted_over_the_time_given_only() -> None:
    once_a_second = [sample(at, Outcome.WRONG if at % 1000 == 0 else Outcome.OK) for at in range(100, 60_000, 100)]
    assert first(errors(6), once_a_second) is None
    assert first(errors(3), once_a_second) == 4000


def test_errors_of_looks_that_are_given_up_late_count_where_they_were_due() -> None:
    watcher = ErrorsAbove.model_validate({"of": "pay", "above": "50%", "over": "2s"}).watch(
        {"pay": Rate(0.1, 0.25, 5.0)}
    )
    hung = [sample(at, Outcome.TIMED_OUT, 5000) for at in range(2000, 4000, 100)]
    skipped = looks(4000, 8000, Outcome.SKIPPED, 0)
    some = sorted([*looks(0, 2000), *hung, *skipped], key=lambda one: one.answered)
    assert first(watcher, some) == 3000


@pytest.mark.says(
    "**Errors** are weighed at each failed look, over the looks of the schedule recorded so far that were due within "
    "`over` up to it (`(due - over, due]`)."
)
def test_looks_beside_the_schedule_weigh_in_no_count() -> None:
    watcher = ErrorsAbove.model_validate({"of": "pay", "above": 20, "over": "60s"}).watch(
        {"pay": Rate(0.1, 0.25, 0.5, 0)}
    )
    beside = [sample(at + 7, Outcome.REFUSED) for at in range(0, 5000, 100)]
    assert first(watcher, sorted([*looks(0, 5000), *beside])) is None


def test_a_share_is_weighed_again_when_a_good_look_that_came_late_makes_ten() -> None:
    watcher = ErrorsAbove.model_validate({"of": "pay", "above": "5%", "over": "2s"}).watch(
        {"pay": Rate(0.1, 0.25, 5.0)}
    )
    slow, failed, good = sample(100, took=3000), sample(1000, Outcome.REFUSED), looks(200, 1000)
    assert first(watcher, [*good, failed]) is None, "nine looks prove something"
    assert first(watcher, [slow]) == 100


@pytest.mark.says(
    "Of errors nobody can tell where no look that was due within the last `over`, timeout and three intervals proves "
    "anything."
)
@pytest.mark.parametrize("outcome", [one for one in Outcome if not one.is_look])
def test_a_condition_on_errors_that_cannot_look_for_longer_than_its_time_aborts(outcome: Outcome) -> None:
    watcher = ErrorsAbove.model_validate({"of": "pay", "above": "50%", "over": "2s"}).watch(
        {"pay": Rate(0.1, 0.25, 0.5)}
    )
    some = [*looks(0, 500), *looks(500, 9000, outcome, 0)]
    at = first(watcher, some)
    assert at is not None
    assert 400 + 2000 + 500 + 300 < at <= 400 + 2000 + 500 + 300 + 200


@pytest.mark.says("A share needs ten of them at least that prove something; a number doesn't.")
def test_a_few_failures_at_the_start_are_no_share() -> None:
    assert first(errors("50%"), looks(0, 900, Outcome.REFUSED)) is None
    assert first(errors("50%"), looks(0, 1100, Outcome.REFUSED)) == 900


@pytest.mark.parametrize("kind", [outage, lambda: errors("50%")])
def test_memory_stays_the_same_however_long_it_lasts(kind: type) -> None:
    watcher = kind()
    for at in range(0, 2_000_000, 100):
        watcher.feed(sample(at))
    held = [value for value in vars(watcher).values() if hasattr(value, "__len__")]
    assert all(len(value) <= 3 * 6 * 10 for value in held)  # three times the looks of its time and a second more
