import re

import msgspec
import pytest

from faildrill.judging.result import Finding, Verdict
from faildrill.reports import review
from unit.reports import hostile, judged

HEADINGS = [
    "Summary",
    "Findings",
    "Timeline",
    "Root cause",
    "Resolution",
    "Corrective and preventive measures",
    "Notes",
    "Evidence",
]


def test_the_review_has_the_parts_of_a_post_incident_review_in_their_order() -> None:
    text = review.render(judged.result(), "a-run", "")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


def test_every_line_of_the_timeline_names_its_evidence() -> None:
    text = review.render(judged.result(), "a-run", "")
    told = text.split("## Timeline")[1].split("## Root cause")[0]
    lines = [line for line in told.splitlines() if line.startswith("- ")]
    assert len(lines) == len(judged.moments())
    assert all(re.search(r"`timeline:\d+`$", line) for line in lines)


def test_the_impact_says_the_bounds_of_each_outage() -> None:
    assert "Impact: pay was dark for at least 19.983 s, at most 20.040 s" in review.render(judged.result(), "a-run", "")


def test_advice_becomes_a_measure_and_there_is_room_for_more() -> None:
    advised = Finding(kind="outage", claim="c", verdict=Verdict.INCONCLUSIVE, because="b", advice="probe every 2 ms")
    result = msgspec.structs.replace(judged.result(), findings=[advised])
    measures = review.render(result, "a-run", "").split("## Corrective")[1]
    assert "- [ ] probe every 2 ms (INCONCLUSIVE, c)" in measures
    assert measures.count("- [ ] …") == 2


def test_notes_of_people_are_put_in_as_they_wrote_them() -> None:
    notes = "**Ada** saw the alert at 10:31.\n\n- it named the wrong team"
    assert notes in review.render(judged.result(), "a-run", notes)


def test_without_notes_it_says_where_they_go() -> None:
    assert "`notes.md`" in review.render(judged.result(), "a-run", "")


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_hostile_strings_are_neither_html_nor_structure(text: str) -> None:
    calm = review.render(judged.result(), "a-run", "")
    rendered = review.render(judged.result(hostile.put_into(text)), "a-run", "")
    outside_code = re.sub(r"`[^`\n]*`", "", rendered)
    assert "<" not in rendered
    assert not re.search(r"(?<!\\)\]\(", outside_code)
    assert len(rendered.splitlines()) == len(calm.splitlines())
    assert re.findall(r"^## .+$", rendered, re.MULTILINE) == re.findall(r"^## .+$", calm, re.MULTILINE)
