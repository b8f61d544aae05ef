import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from faildrill import reports
from faildrill.judging.result import Finding, Result, Verdict
from faildrill.record import timeline
from faildrill.record.notes import Notes
from faildrill.reports.html import look_times, page, picture
from faildrill.reports.review import build, run_facts
from unit.reports import crash, hostile, judged
from unit.reports.reading import Read

NAME = "20261122-103000-postgres-primary-crash-4f2a91c0"


def rendered(folder: Path, result: Result, notes: str = "") -> str:
    entries = timeline.entries(folder / timeline.FILE)
    seen = look_times.read(folder, entries[0].at)
    review = build.build(run_facts.Facts(result, entries, seen), Notes(()), notes)
    return page.render(page.Source(NAME, result, entries, seen, review))


@pytest.fixture(scope="module")
def usual(recorded: Path) -> str:
    """Return the page of the run as it was recorded and judged."""
    return rendered(recorded, judged.result())


def test_the_page_says_verdict_reason_and_bounds_first(usual: str) -> None:
    text = Read(usual).text
    places = [
        text.index(one) for one in ("PASSED", "4 of 4 claims hold", "at least 19.983 s, at most 20.040 s", "Findings")
    ]
    assert places == sorted(places)


def test_the_page_has_no_script_and_forbids_every_request(usual: str) -> None:
    read = Read(usual)
    assert not {"script", "iframe", "object", "embed", "img", "base", "form"} & {tag for tag, _ in read.elements}
    policy = next(one["content"] for tag, one in read.elements if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_every_picture_is_well_formed_and_has_a_name_and_a_description(usual: str) -> None:
    drawn = re.findall(r"<svg[^>]*role=.*?</svg>", usual, re.DOTALL)
    assert len(drawn) >= 7
    for one in drawn:
        root = ET.fromstring(one)  # noqa: S314 - our own output is what is tested
        assert root.get("role") == "img"
        assert root[0].tag.endswith("title")
        assert root[0].text
        assert root[1].tag.endswith("desc")
        assert root[1].text


def test_no_coordinate_is_outside_of_the_picture_or_no_number(recorded: Path) -> None:
    entries = timeline.entries(recorded / timeline.FILE)
    drawn = str(picture.draw(judged.result(), look_times.read(recorded, entries[0].at)))
    assert "nan" not in drawn
    assert "inf" not in drawn
    for x in re.findall(r' x[12]?="([^"]+)"', drawn):
        assert -1 <= float(x) <= picture.WIDTH
    for points in re.findall(r' points="([^"]+)"', drawn):
        assert all(re.fullmatch(r"-?[\d.]+,-?[\d.]+", one) for one in points.split())


def test_each_probe_has_its_rows_of_failures_and_of_who_answered(recorded: Path) -> None:
    entries = timeline.entries(recorded / timeline.FILE)
    drawn = str(picture.draw(judged.result(), look_times.read(recorded, entries[0].at)))
    for word in ("pay", "rows", "writer", "refused", "reset", "timed out", "wrong", "pay1", "pay3", "pg1", "pg2"):
        assert f">{word}</text>" in drawn
    assert "put back" in drawn
    assert "kill the primary" in drawn


def test_every_link_within_the_page_leads_somewhere(usual: str) -> None:
    read = Read(usual)
    targets = {one.removeprefix("#") for one in read.values("href") if one.startswith("#")}
    assert targets <= set(read.values("id"))
    assert {"t9", "t11", "look0"} <= targets


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_hostile_strings_make_no_markup(text: str, tmp_path: Path, usual: str) -> None:
    crash.write(tmp_path, hostile.put_into(text))
    calm = Read(usual)
    read = Read(rendered(tmp_path, judged.result(hostile.put_into(text)), notes=text))
    known = {tag for tag, _ in calm.elements} | {"div", "p"}
    assert {tag for tag, _ in read.elements} <= known
    assert {name for _, attributes in read.elements for name in attributes} <= {
        name for _, attributes in calm.elements for name in attributes
    }
    assert all(one.startswith(("#", "data:,")) for one in read.values("href"))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(read.text))


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("https://wiki.example/run%20book#a", True),
        ("javascript:alert(1)", False),
        ('https://a.example/" onclick="x', False),
        ("docs/runbook.md", False),
        ("data:text/html,x", False),
    ],
)
def test_only_a_plain_web_address_becomes_a_link(text: str, linked: bool, recorded: Path) -> None:
    result = msgspec.structs.replace(judged.result(), runbook=text)
    away = [one for one in Read(rendered(recorded, result)).values("href") if not one.startswith(("#", "data:,"))]
    assert away == ([text] if linked else [])


def test_a_refused_run_without_a_look_still_has_a_page(tmp_path: Path) -> None:
    clock = crash.SteppedClock()
    written = timeline.Timeline.create(tmp_path, clock)
    for at, event in list(crash.events())[:3]:
        clock.at = at
        written.record(event)
    written.close()
    bare = msgspec.structs.replace(
        judged.result(verdict=Verdict.REFUSED), probes=[], steps=[], moments=[], phases={}, duration=0.0, findings=[]
    )
    text = Read(rendered(tmp_path, bare)).text
    assert "REFUSED" in text
    assert "a guard objected; nothing was touched" in text
    assert "time without" not in text


def test_probes_that_never_looked_are_shown_as_such(tmp_path: Path) -> None:
    clock = crash.SteppedClock()
    written = timeline.Timeline.create(tmp_path, clock)
    for at, event in crash.events():
        clock.at = at
        written.record(event)
    written.close()
    assert rendered(tmp_path, judged.result()).count(">no looks</text>") == 3


def test_the_page_stays_below_a_megabyte_however_much_there_is(recorded: Path) -> None:
    one = judged.result()
    long = '"<&>' * 1_000
    finding = Finding(
        kind="k", claim=long, verdict=Verdict.FAILED, because=long, advice=long, evidence=["timeline:1"] * 99
    )
    steps = [msgspec.structs.replace(step, name=long, because=long) for step in one.steps]
    many = msgspec.structs.replace(
        one, probes=one.probes * 100, findings=[finding] * 500, moments=one.moments * 300, steps=steps * 150
    )
    assert len(rendered(recorded, many).encode()) < 1_000_000


def test_the_same_source_gives_the_same_page(recorded: Path, usual: str) -> None:
    assert rendered(recorded, judged.result()) == usual


def test_write_leaves_all_reports_and_nothing_half(run: Path) -> None:
    before = {one.name for one in run.iterdir()}
    assert reports.write(run, judged.result()) == run / "report.html"
    assert {one.name for one in run.iterdir()} - before == {"junit.xml", "report.md", "report.html"}


def test_notes_are_shown_in_both_reports_and_are_never_markup(run: Path) -> None:
    (run / "notes.md").write_bytes(b"<b>Ada</b> \xff saw it first.")
    reports.write(run, judged.result())
    assert "<b>Ada" not in (run / "report.html").read_text(encoding="utf-8")
    assert "saw it first" in (run / "report.html").read_text(encoding="utf-8")
    assert "saw it first" in (run / "report.md").read_text(encoding="utf-8")
