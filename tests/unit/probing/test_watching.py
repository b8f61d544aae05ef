"""How a probe is now, from its samples."""

from pathlib import Path

from faildrill.clock import nanoseconds
from faildrill.drill import ProbePlan
from faildrill.probing.watching import Watching
from faildrill.samples import Files, Outcome, Recorder, Sample
from faildrill.targets import KindUse

PLAN = ProbePlan(name="pay", use=KindUse(kind="http.request"), every=0.02, timeout=0.5)
MS = 1_000_000


def watched(folder: Path, *looks: tuple[int, int, Outcome]) -> Watching:
    recorder = Recorder(Files(folder))
    for due, answered, outcome in looks:
        recorder.record(Sample("pay", due * MS, due * MS, answered * MS, outcome))
    recorder.close()
    watching = Watching([PLAN])
    watching.follow(Files(folder))
    watching.poll()
    return watching


def test_a_late_good_answer_makes_it_good_from_its_arrival_not_from_its_sending(tmp_path: Path) -> None:
    watching = watched(tmp_path, (1000, 1500, Outcome.TIMED_OUT), (1020, 9000, Outcome.OK))
    assert watching.good_since(nanoseconds(1.5)) == 9000 * MS


def test_one_bad_look_begins_the_row_anew(tmp_path: Path) -> None:
    looks = [(1000, 1001, Outcome.OK), (1020, 1021, Outcome.WRONG), (1040, 1041, Outcome.OK), (1060, 1061, Outcome.OK)]
    assert watched(tmp_path, *looks).good_since(1070 * MS) == 1041 * MS


def test_a_skipped_look_proves_nothing_either_way(tmp_path: Path) -> None:
    looks = [(1000, 1001, Outcome.OK), (1020, 1020, Outcome.SKIPPED), (1040, 1041, Outcome.OK)]
    assert watched(tmp_path, *looks).good_since(1050 * MS) == 1001 * MS


def test_a_probe_without_a_look_for_three_intervals_and_its_timeout_is_not_good(tmp_path: Path) -> None:
    watching = watched(tmp_path, (1000, 1001, Outcome.OK))
    assert watching.troubles(1559 * MS) == {}
    assert "no look" in watching.troubles(1561 * MS)["pay"]
    assert watching.good_since(1561 * MS) is None
