"""The figures beside the verdict: of which probe they are, and that every page tells the same ones."""

import io
import itertools
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from faildrill import reports
from faildrill.judging import judge
from faildrill.judging.result import Bounds, Outage, Result
from faildrill.record import timeline
from faildrill.record.ledger import Ledger, Note
from faildrill.record.ledger.accounts import Rows, keep
from faildrill.record.samples import Outcome
from faildrill.reports import headline, terminal, wording
from faildrill.reports.html import look_times, picture
from unit.judging.runs import FAULT, Run, probe, ticks
from unit.reports import judged

NAMES = ("writer", "rows", "pay")


def use(kind: str, of: str) -> dict[str, Any]:
    limits: dict[str, str | int] = {"outage": "30s", "errors": 0, "latency": "1s", "never": True}
    names = {"latency": "p99", "never": "changes"}
    return {kind: {"of": of, names.get(kind, "at_most"): limits[kind]}}


@pytest.mark.says(
    "Both are of the probes that stand for the users: those with an `outage` expectation, else those of which "
    "anything else is promised that users notice, else the load, else the first that the drill looks at."
)
@pytest.mark.parametrize(
    ("expect", "load", "shown"),
    [
        ([use("outage", "rows"), use("errors", "pay")], "", "rows"),
        ([use("never", "writer"), use("latency", "pay")], "", "pay"),
        ([use("never", "writer")], "users", "users"),
        ([use("never", "rows")], "", "writer"),
    ],
)
def test_the_headline_is_of_what_stands_for_the_users(
    expect: list[dict[str, Any]], load: str, shown: str, tmp_path: Path
) -> None:
    names = [*NAMES, *([load] if load else [])]
    made = Run(expect=expect, probes=[probe(name) for name in NAMES], slow=dict.fromkeys(names, 0.05))
    made.load = [probe(load, by="load")] if load else []
    made.usual()
    for name in names:
        made.good(name)
    told = judge(made.write(tmp_path)).headline
    assert told is not None
    assert told.probe == shown


def felt(folder: Path) -> Result:
    """A failover of 300 ms, a failback of 3.4 s, and a ledger that lost a write."""
    made = Run(expect=[use("outage", "pay")], probes=[probe(), probe("book", kind="postgres.ledger")])
    made.slow["book"] = 0.05
    made.usual().good().good("book")
    made.saw(ticks(FAULT + 0.1, FAULT + 0.4), Outcome.REFUSED).saw(ticks(15.2, 18.6), Outcome.REFUSED)
    made.write(folder)
    ledger = Ledger(folder / "book.ledger")
    for _ in range(3):
        ledger.end(7, ledger.send(5, 0), 0, Note.ACKNOWLEDGED)
    ledger.close()
    keep(folder, "book", "a", Rows(np.array([1, 2, 2], np.int64), read_at=0))
    result = judge(folder)
    reports.write(folder, result)
    return result


@pytest.mark.says(
    "Every page tells these figures, and no other ones: `result.json` (`headline`), the terminal, `report.html`, "
    "`report.md` and `junit.xml`."
)
def test_every_page_tells_the_same_figures(tmp_path: Path) -> None:
    result = felt(tmp_path)
    out = io.StringIO()
    terminal.summary(result, tmp_path, out)
    junit = (tmp_path / "junit.xml").read_text()
    for name, words in headline.lines(result):
        assert f"{name:<9}{words}" in out.getvalue()
        assert f'name="headline.{name}" value="{words}"' in junit
        assert f"- **Impact**: {name}: {words}" in (tmp_path / "report.md").read_text()
    page = (tmp_path / "report.html").read_text()
    told = result.headline
    assert told is not None
    assert told.outage is not None
    assert told.failback is not None
    for length in (told.outage.length, told.failback.length):
        assert wording.headline(length) in page
        assert wording.bounds(length) in page
    assert ">1 lost</b>, 1 there twice" in page
    assert "book: 1 of 3 acknowledged writes lost, 1 there twice" in out.getvalue()


@pytest.mark.parametrize(("blind", "limit", "large"), [(3.0, "2s", "not known"), (3.0, "10s", "no outage")])
@pytest.mark.parametrize("since", [FAULT, 15.0])
def test_no_outage_is_said_only_where_none_beyond_the_limit_could_have_hidden(
    tmp_path: Path, since: float, blind: float, limit: str, large: str
) -> None:
    run = Run(expect=[{"outage": {"of": "pay", "at_most": limit}}]).usual().good()
    run.saw(ticks(since, since + blind), Outcome.BROKEN, detail="here: no descriptor left")
    told = judge(run.write(tmp_path)).headline
    assert told is not None
    failback = headline.failback(told)
    assert failback is not None
    figure = headline.failover(told, done=True) if since == FAULT else failback
    assert figure.figure == large
    assert "could have been missed" in figure.bounds


def test_without_a_limit_what_could_have_hidden_for_long_is_not_known(tmp_path: Path) -> None:
    run = Run(expect=[{"errors": {"of": "pay", "at_most": 0}}]).usual().good()
    run.saw(ticks(FAULT, FAULT + 3), Outcome.BROKEN, detail="here: no descriptor left")
    result = judge(run.write(tmp_path))
    assert result.headline is not None
    assert headline.failover(result.headline, done=True).figure == "not known"
    assert headline.lines(result)[0] == ("failover", "pay: no outage seen; one of up to 3 s could have been missed")


def outage(start: float) -> Outage:
    return msgspec.structs.replace(
        judged.outage("pay", start + 1, 0.02),
        length=Bounds(at_least=1.0, at_most=1.1),
        last_good=start,
        first_dark=start,
        last_dark=start + 1,
        first_good=start + 1.1,
    )


def labels(recorded: Path, *starts: float) -> list[tuple[float, float]]:
    """Draw outages that began then, and return where their labels begin and end."""
    result = judged.result()
    pay = msgspec.structs.replace(result.probes[0], outages=[outage(start) for start in starts])
    result = msgspec.structs.replace(result, probes=[pay])
    origin = timeline.entries(recorded / timeline.FILE)[0].at
    drawn = str(picture.draw(result, look_times.read(recorded, origin)))
    found = re.findall(r'<text x="([\d.]+)" y="9" class="outage"[^>]*>([^<]+)<', drawn)
    return [(float(x) - 3.15 * len(text), float(x) + 3.15 * len(text)) for x, text in found]


def test_neighbouring_outages_have_labels_that_do_not_overlap(recorded: Path) -> None:
    near = sorted(labels(recorded, 6.0, 8.0, 10.0))
    assert near
    assert all(left[1] < right[0] for left, right in itertools.pairwise(near))
    assert len(labels(recorded, 6.0, 30.0)) == 2
