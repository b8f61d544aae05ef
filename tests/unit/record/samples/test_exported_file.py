"""`faildrill export`: every sample of a run, and what it was, as CSV and as Parquet."""

import csv
import io
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.export import export
from faildrill.errors import WrongUsage
from faildrill.record.samples import SIZE, Outcome
from unit.judging.runs import FAULT, Run, ns, probe, ticks

HOSTILE = 'comma, "quote"\nline ✗ =1+1'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two probes, with every sort of look in it."""
    run = Run(expect=[], probes=[probe(), probe("writer", 0.1)], slow={"pay": 0.05, "writer": 0.05}).usual()
    run.good(who="pay1").saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED).saw([9.0], Outcome.WRONG, detail=HOSTILE)
    run.good("writer", 0.1, who="pg1").saw([8.0], Outcome.SKIPPED, 0, name="writer")
    never = run.samples["writer"]
    run.samples["writer"] = [one._replace(sent=0) if one.outcome == Outcome.SKIPPED else one for one in never]
    return run.write(tmp_path / "run")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.says(
    "One row a look: `probe`, `due_utc`, `due_ns`, `sent_ns`, `answered_ns` (exact, since the run's first event), "
    "`outcome`, `who`, `detail`."
)
def test_every_sample_is_a_row_with_exact_times(folder: Path) -> None:
    done = CliRunner().invoke(export, [str(folder)])
    assert done.exit_code == 0
    found = rows(done.stdout)
    assert len(found) == sum((folder / name).stat().st_size for name in ("probes.samples",)) // SIZE
    first = found[0]
    assert first["probe"] == "pay"
    assert int(first["due_ns"]) == ns(0.4) - ns(0)
    assert int(first["sent_ns"]) == int(first["due_ns"]) + 1000
    assert int(first["answered_ns"]) == int(first["due_ns"]) + 2_000_000
    assert (first["outcome"], first["who"], first["detail"]) == ("ok", "pay1", "")
    assert datetime.fromisoformat(first["due_utc"]).isoformat() == "2026-11-22T10:00:00.400000+00:00"


def test_words_with_quotes_and_lines_come_back_as_they_were_and_a_look_never_sent_has_no_time(folder: Path) -> None:
    found = rows(CliRunner().invoke(export, [str(folder)]).stdout)
    assert [one["detail"] for one in found if one["outcome"] == "wrong"] == [HOSTILE]
    assert [one["sent_ns"] for one in found if one["outcome"] == "skipped"] == [""]
    assert sum(one["outcome"] == "refused" for one in found) == 150


def test_a_file_holds_what_stdout_would(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(export, [str(folder), "-o", str(tmp_path / "out.csv")])
    assert done.stdout == ""
    assert "of 2 probes" in done.stderr
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == CliRunner().invoke(export, [str(folder)]).stdout


def test_a_file_that_can_not_be_written_or_parquet_for_a_terminal_is_wrong_usage(folder: Path, tmp_path: Path) -> None:
    for wrong in (["-o", str(tmp_path / "none" / "out.csv")], ["--format", "parquet"]):
        done = CliRunner().invoke(export, [str(folder), *wrong])
        assert isinstance(done.exception, WrongUsage)


def test_parquet_without_its_library_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    program = "import sys; sys.modules['pyarrow'] = None; from faildrill.cli.main import main; main()"
    out = tmp_path / "out.parquet"
    told = subprocess.run(
        [sys.executable, "-c", program, "export", str(folder), "--format", "parquet", "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (told.returncode, told.stderr) == (2, "Parquet needs pyarrow: pip install pyarrow (or export as CSV)\n")
    assert not out.exists()


def test_parquet_holds_the_same_as_csv(folder: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out.parquet"
    assert CliRunner().invoke(export, [str(folder), "--format", "parquet", "-o", str(out)]).exit_code == 0
    table = parquet.read_table(out)
    assert table.schema.metadata[b"drill"] == b"crash"
    same = rows(CliRunner().invoke(export, [str(folder)]).stdout)
    for name in ("probe", "due_ns", "sent_ns", "answered_ns", "outcome", "who", "detail"):
        assert ["" if one is None else str(one) for one in table[name].to_pylist()] == [one[name] for one in same]
    assert str(table["due_utc"][0].as_py()) == "2026-11-22 10:00:00.400000+00:00"
