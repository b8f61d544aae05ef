"""Canaries, fed in the order in which a prober records them."""

from faildrill.judging.aborts.canaries import Canaries
from faildrill.ports import Rate, Watcher
from faildrill.record.samples import Outcome, Sample

MS = 1_000_000
RATES = {"login": Rate(0.1), "search": Rate(0.02), "pay": Rate(0.02)}


def watcher(in_a_row: int = 1) -> Watcher:
    return Canaries(of=("login", "search"), in_a_row=in_a_row).watch(RATES)


def sample(probe: str, at: int, outcome: Outcome = Outcome.OK, detail: str = "") -> Sample:
    return Sample(probe, at * MS, at * MS, (at + 1) * MS, outcome, "", detail)


def test_the_first_look_of_a_canary_that_is_not_good_aborts() -> None:
    watch = watcher()
    assert watch.feed(sample("login", 0)) is None
    assert watch.feed(sample("search", 20, Outcome.WRONG, "HTTP 503")) == "canary search is not green: wrong: HTTP 503"


def test_as_many_looks_in_a_row_as_asked_for_abort_and_a_good_one_between_begins_anew() -> None:
    watch = watcher(in_a_row=3)
    row = [Outcome.REFUSED, Outcome.RESET, Outcome.OK, Outcome.WRONG, Outcome.REFUSED, Outcome.TIMED_OUT]
    said = [watch.feed(sample("login", 100 * n, outcome)) for n, outcome in enumerate(row)]
    assert said == [None] * 5 + ["canary login is not green: timed out, 3 times in a row"]


def test_no_word_for_three_intervals_aborts() -> None:
    watch = watcher()
    assert watch.tick(0) is None
    watch.feed(sample("login", 0))
    watch.feed(sample("search", 0))
    assert watch.tick(61 * MS) is None
    assert "canary search is not green: no word for" in str(watch.tick(62 * MS))


def test_a_canary_that_was_never_heard_aborts_after_three_intervals() -> None:
    watch = watcher()
    assert watch.tick(1_000 * MS) is None
    assert "no word" in str(watch.tick(1_061 * MS))


def test_looks_that_were_skipped_or_broke_are_no_word() -> None:
    watch = watcher()
    watch.tick(0)
    for at in range(0, 80, 20):
        watch.feed(sample("login", at))
        assert watch.feed(sample("search", at, Outcome.SKIPPED)) is None
        assert watch.feed(sample("search", at, Outcome.BROKEN)) is None
    assert "canary search" in str(watch.tick(80 * MS))
