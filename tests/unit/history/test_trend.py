import msgspec
import numpy as np
import pytest

from faildrill.history.run_summary import Baseline, RunSummary
from faildrill.history.trend import Level, together, weigh
from unit.history.made import summaries
from unit.history.nights import Sort, drawn

STEP = drawn(Sort(), 3, 40, step=30)


def replaced(run: RunSummary, **what: object) -> RunSummary:
    return msgspec.structs.replace(run, **what)


def test_nine_comparable_runs_are_too_few() -> None:
    told = weigh(summaries(drawn(Sort(), 1, 9)))
    assert told.level is Level.TOO_FEW
    assert told.because == "too few: 9 comparable runs, 10 are needed"


def test_what_did_not_change_is_steady() -> None:
    told = weigh(summaries(drawn(Sort(), 1, 40)))
    assert told.level is Level.STEADY
    assert told.because.startswith("nothing proves that outages became longer: [")


def test_a_step_is_a_regression_and_says_since_when_and_by_how_much() -> None:
    runs = summaries(STEP)
    told = weigh(runs)
    assert told.level is Level.REGRESSION
    assert told.since in runs[29:32]
    assert 0.02 < told.surely < 0.25
    assert "surely by" in told.because


def test_outages_that_became_shorter_are_no_regression() -> None:
    low, high = STEP
    assert weigh(summaries((low[::-1].copy(), high[::-1].copy()))).level is Level.SHORTER


def test_a_change_that_bounds_do_not_prove_is_a_notice_at_the_most() -> None:
    """Every night since is longer than every one before, but by less than one in fifty."""
    low = np.concatenate([np.linspace(20.0, 20.1, 30), np.linspace(20.2, 20.3, 10)])
    told = weigh(summaries((low, low + 0.01)))
    assert told.chance <= 0.0005
    assert told.level is Level.NOTICE


@pytest.mark.parametrize("what", ["cadence", "probe", "fault", "topology", "measuring version"])
def test_runs_that_were_measured_differently_are_another_series_with_a_seam(what: str) -> None:
    runs = summaries(STEP)
    other = {**runs[0].conditions, what: "another"}
    runs = [*runs[:36], *(replaced(one, conditions=other) for one in runs[36:])]
    told = weigh(runs)
    assert told.level is Level.TOO_FEW
    assert told.comparable == runs[36:]
    [seam] = told.seams
    assert seam.run is runs[36]
    assert seam.because == f"the {what} changed from {runs[0].conditions[what]} to another"
    assert seam.because in told.because


def test_series_are_joined_only_when_asked_to_and_the_seam_stays() -> None:
    runs = summaries(STEP, np.where(np.arange(40) < 36, 0.05, 5.0))
    told = weigh(runs, join=True)
    assert told.comparable == runs
    assert [one.because for one in told.seams] == ["the cadence changed from 50 ms to 5 s"]


def test_runs_that_measured_nothing_count_in_no_trend_and_are_told() -> None:
    runs = summaries(drawn(Sort(), 1, 12))
    runs[3:8] = [replaced(one, unmeasured="the run was REFUSED") for one in runs[3:8]]
    assert weigh(runs).because == "too few: 7 comparable runs, 10 are needed; 5 more measured no outage"


def test_a_baseline_starts_with_the_run_that_a_person_marked() -> None:
    runs = summaries(STEP)
    runs[30] = replaced(runs[30], baseline=Baseline(by="ada", at="2026-02-01T00:00:00Z", because="a bigger database"))
    told = weigh(runs)
    assert told.level is Level.STEADY
    assert told.comparable == runs[30:]
    assert told.seams[-1].because == "a new baseline, says ada: a bigger database"


def test_a_regression_that_nobody_explained_is_one_still_when_it_has_left_the_window() -> None:
    runs = summaries(drawn(Sort(), 3, 200, step=60))
    told = weigh(runs)
    assert told.level is Level.REGRESSION
    assert told.since in runs[58:63]


def test_a_regression_that_went_away_by_itself_is_none_any_more() -> None:
    low, high = drawn(Sort(), 3, 200)
    low[60:100] *= 1.2
    high[60:100] *= 1.2
    assert weigh(summaries((low, high))).level is Level.STEADY


def test_a_slowdown_of_4_s_is_not_provable_with_a_probe_every_10_s() -> None:
    told = weigh(summaries(drawn(Sort(every=(10.0, 10.0)), 1, 20), 10.0))
    assert told.advice == "a slowdown of 4 s can't be proven with a probe every 10 s; look every 1 s"


def test_a_probe_that_looks_often_enough_gets_no_advice() -> None:
    assert weigh(summaries(drawn(Sort(), 1, 20))).advice == ""


def test_many_drills_of_a_night_make_a_regression_harder_to_prove() -> None:
    one = weigh(summaries(STEP))
    quiet = [weigh(summaries(drawn(Sort(), seed, 20), name=f"drill-{seed}")) for seed in range(200)]
    told = together([one, *quiet])
    assert one.level is Level.REGRESSION
    assert told[0].chance == pytest.approx(one.chance * 201, rel=0.01)
    assert told[0].level is not Level.REGRESSION
