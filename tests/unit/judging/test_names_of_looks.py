"""What looks say by names that are cut, or another run's, is unknown, and said to be."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Verdict
from unit.judging.test_noticed_steps import answering
from unit.judging.test_verdicts import usual

CUT = "probes.names does not hold what they say"
ANOTHERS = "which this run did not look at"


def test_whoever_was_seen_for_a_moment_and_has_no_name_any_more_passes_no_claim(tmp_path: Path) -> None:
    run = answering(usual({"never": {"of": "pay", "saw": "b"}}), 0.0, 99.0, "a")
    folder = answering(run, 9.0, 9.05, "b").write(tmp_path)
    assert judge(folder).verdict is Verdict.FAILED
    names = folder / "probes.names"
    names.write_bytes(names.read_bytes().replace(b'"b"\n', b""))
    result = judge(folder)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert CUT in result.because


@pytest.mark.says(
    "So are looks that say what the file of names beside them does not hold, and the run is INCONCLUSIVE: that file "
    "was cut, or is another run's."
)
@pytest.mark.says("It is so, too, where names tell of probes that the run did not have.")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda _: b"", CUT),
        (lambda names: names[:-2], CUT),
        (lambda names: names[: names.index(b"\n") + 1], CUT),
        (lambda names: b'"writer"\n' + names, ANOTHERS),
        (lambda names: b"".join(reversed(names.splitlines(keepends=True))), ANOTHERS),
    ],
    ids=["empty", "cut in a line", "cut after a line", "another run's", "in another order"],
)
def test_a_run_whose_names_are_not_those_that_were_written_says_so_and_what_to_do(
    spoil: Callable[[bytes], bytes], told: str, tmp_path: Path
) -> None:
    folder = answering(usual(), 0.0, 99.0, "a", "b").write(tmp_path)
    names = folder / "probes.names"
    names.write_bytes(spoil(names.read_bytes()))
    result = judge(folder)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "what the looks saw can be read: can't tell" in result.because
    assert told in result.because
    assert "put back the one that was written with the samples" in result.because
    assert not [one.because for one in result.findings if "recorded no look" in one.because]
