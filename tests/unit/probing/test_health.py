"""How a probe is now, from its samples."""

from pathlib import Path

from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.probing.health import SampleWatch
from faildrill.record.samples import Files, Outcome, Recorder, Sample

PLAN = ProbePlan(name="pay", use=KindUse(kind="http.request"), every=0.02, timeout=0.5)
MS = 1_000_000


def watched(folder: Path, *looks: tuple[int, int, Outcome]) -> SampleWatch:
    recorder = Recorder(Files(folder))
    for due, answered, outcome in looks:
        recorder.record(Sample("pay", due * MS, due * MS, answered * MS, outcome))
    recorder.close()
    watching = SampleWatch([PLAN])
    watching.follow(Files(folder))
    watching.poll()
    return watching


def test_a_probe_without_a_look_for_three_intervals_and_its_timeout_is_not_good(tmp_path: Path) -> None:
    watching = watched(tmp_path, (1000, 1001, Outcome.OK))
    assert watching.troubles(1559 * MS) == {}
    assert "no look" in watching.troubles(1561 * MS)["pay"]
