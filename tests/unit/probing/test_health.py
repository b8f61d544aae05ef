"""How a probe is now, from its samples."""

from pathlib import Path

import pytest

from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.probing.health import SampleWatch, View
from faildrill.record.samples import SEEN_LATE, Files, Outcome, Recorder, Sample

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


@pytest.mark.parametrize(("detail", "told"), [("", "too slow: 300 ms"), (SEEN_LATE, None)])
def test_an_answer_is_too_slow_where_the_service_took_the_time_and_not_the_prober(
    detail: str, told: str | None
) -> None:
    view = View(PLAN)
    view.take(Sample("pay", 1000 * MS, 1000 * MS, 1002 * MS, Outcome.OK))
    view.take(Sample("pay", 1020 * MS, 1020 * MS, 1320 * MS, Outcome.OK, detail=detail))
    view.schedule.fix(250 * MS)
    assert view.trouble(1321 * MS) == told
