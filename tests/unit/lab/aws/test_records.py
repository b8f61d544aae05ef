import time
from pathlib import Path

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.aws import records
from faildrill.lab.aws.records import Event, Records, Version
from faildrill.lab.aws.service.settings import Delays


def test_records_are_read_as_they_were_written_and_as_they_were_at_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    kept = Records([Version(1.0, "au1", instances={"au1": "available"})])
    kept.tell(path, Event(2.0, "payments", "db-cluster", ["failover"], "Started"))
    kept.change(path, writer="au2")
    known = records.read(path)
    assert known == kept
    assert (known.now.writer, known.now.instances) == ("au2", {"au1": "available"})
    assert known.now.at == pytest.approx(time.time(), abs=5)
    assert known.as_of(1.5) == Records(kept.versions[:1])
    assert known.as_of(0.0).now.writer == "au1"


def test_a_delay_that_there_is_not_or_that_is_none_is_refused() -> None:
    for changes in ({"nap": 1}, {"dns": -1}, {"dns": "1s"}):
        with pytest.raises(FaildrillError, match="is no delay; there are notices, begins"):
            Delays().with_changes(changes)
    assert Delays().with_changes({"dns": 60}).dns == 60
