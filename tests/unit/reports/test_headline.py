"""The one figure beside the verdict: of which probe it is, where a drill promises no outage of any."""

import itertools
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from faildrill import timeline
from faildrill.judging.result import Bounds, Outage
from faildrill.reports import looks, picture
from faildrill.reports.headline import headline
from unit.reports import judged

PROBES = [{"name": "writer"}, {"name": "rows"}, {"name": "pay"}]


def use(kind: str, of: str) -> dict[str, Any]:
    return {"kind": kind, "params": {"of": of, "at_most": "30s"}}


@pytest.mark.parametrize(
    ("drill", "probe"),
    [
        ({"probes": PROBES, "expect": [use("outage", "rows"), use("errors", "pay")]}, "rows"),
        ({"probes": PROBES, "expect": [use("never", "writer"), use("latency", "pay")]}, "pay"),
        ({"probes": PROBES, "load": [{"name": "pay"}], "expect": [use("never", "writer")]}, "pay"),
        ({"probes": PROBES, "expect": [use("never", "rows")]}, "writer"),
        ({"probes": [{"name": "pay", "by": "environment"}, {"name": "rows"}], "expect": []}, "rows"),
        ({}, "pay"),
    ],
)
def test_the_headline_is_of_what_stands_for_the_users(drill: dict[str, Any], probe: str) -> None:
    shown = headline(judged.result(), drill)
    assert shown is not None
    assert shown.probe == probe


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
    drawn = str(picture.draw(result, looks.read(recorded, origin)))
    found = re.findall(r'<text x="([\d.]+)" y="9" class="outage"[^>]*>([^<]+)<', drawn)
    return [(float(x) - 3.15 * len(text), float(x) + 3.15 * len(text)) for x, text in found]


def test_neighbouring_outages_have_labels_that_do_not_overlap(recorded: Path) -> None:
    near = sorted(labels(recorded, 6.0, 8.0, 10.0))
    assert near
    assert all(left[1] < right[0] for left, right in itertools.pairwise(near))
    assert len(labels(recorded, 6.0, 30.0)) == 2
