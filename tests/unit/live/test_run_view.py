"""What is shown while a run goes on says the same as its verdict: late is late, dark is dark."""

import pytest

from faildrill.live.run_view import BUCKET, ProbeSeen
from faildrill.record.samples import Outcome, Sample

MS = 1_000_000
SLOW, LATE = 250 * MS, 50 * MS


@pytest.mark.parametrize(
    ("took", "outcome", "mark", "told"),
    [
        (2, Outcome.OK, "good", []),
        (90, Outcome.OK, "late", []),
        (300, Outcome.OK, "dark", ["pay: too slow: 300 ms"]),
        (2, Outcome.REFUSED, "dark", ["pay: refused"]),
        (0, Outcome.THROTTLED, "open", []),
    ],
)
def test_a_second_is_marked_and_told_as_judging_sees_it(
    took: int, outcome: Outcome, mark: str, told: list[str]
) -> None:
    probe = ProbeSeen("pay", slow=SLOW, late=LATE)
    lines = [line.text for line in probe.take(Sample("pay", 0, 0, took * MS, outcome))]
    assert (probe.strip[0], lines) == (mark, told)


def test_the_worst_look_of_a_second_marks_it() -> None:
    probe = ProbeSeen("pay", slow=SLOW, late=LATE)
    for number, took in enumerate([2, 90, 2]):
        list(probe.take(Sample("pay", number * 100 * MS, number * 100 * MS, (number * 100 + took) * MS, Outcome.OK)))
    assert list(probe.strip.values()) == ["late"]
    list(probe.take(Sample("pay", BUCKET // 2, BUCKET // 2, BUCKET // 2 + MS, Outcome.RESET)))
    assert list(probe.strip.values()) == ["dark"]
