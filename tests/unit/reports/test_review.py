import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from faildrill import judging, reports
from faildrill.judging.result import Finding, Moment, Result, Verdict
from faildrill.record import notes, timeline
from faildrill.record.notes import Note, Notes
from faildrill.reports.html import look_times
from faildrill.reports.review import build, markdown, run_facts
from faildrill.reports.review.content import Review
from unit.reports import hostile, judged

HEADINGS = [
    "Issue summary",
    "Timeline (UTC)",
    "Root cause and resolution",
    "Corrective and preventive measures",
    "Findings",
    "Evidence",
]
"""Those of a post-incident review, then what it rests on."""


def note(text: str, **more: Any) -> Note:
    return Note(by="Ada", account="ada on desk", written="2026-11-22T11:00:00.000000Z", text=text, **more)


def reviewed(run: Path, result: Result | None = None, *notes: Note, free: str = "") -> Review:
    entries = timeline.entries(run / timeline.FILE)
    seen = look_times.read(run, entries[0].at)
    return build.build(run_facts.Facts(result or judging.judge(run), entries, seen), Notes(notes), free)


def rendered(run: Path, result: Result | None = None, *notes: Note, free: str = "") -> str:
    result = result or judging.judge(run)
    return markdown.render(reviewed(run, result, *notes, free=free), result, "a-run")


def test_the_review_has_the_parts_of_a_post_incident_review_in_their_order(recorded: Path) -> None:
    assert re.findall(r"^## (.+)$", rendered(recorded), re.MULTILINE) == HEADINGS


def test_every_line_of_it_names_what_it_is_taken_from(recorded: Path) -> None:
    review = reviewed(recorded)
    lines = [*review.summary, *review.timeline, *review.causes, *review.resolution, *review.residual, *review.improve]
    assert len(lines) > 30
    assert [one.text for one in lines if not one.sources] == []
    known = re.compile(r"(timeline:\d+|sample:\w+:\d+|finding:\d+|result:[\w.]+)$")
    assert [one for line in lines for one in line.sources if not known.match(one)] == []


def test_what_a_line_cites_says_what_the_line_says(recorded: Path) -> None:
    entries = timeline.entries(recorded / timeline.FILE)
    [line] = [one for one in reviewed(recorded).timeline if "does this on purpose" in one.text]
    [source] = line.sources
    assert entries[int(source.removeprefix("timeline:"))].what == timeline.Applying(step="kill-the-primary")


def test_the_summary_says_how_long_users_suffered_and_how_many_of_their_requests(recorded: Path) -> None:
    told = rendered(recorded).split("## Timeline")[0]
    assert "**Start time**: 2026-11-22 10:30:06 UTC `timeline:9`" in told
    assert "**End time**: 2026-11-22 10:30:26 UTC, when the last request of pay that failed" in told
    assert "**Duration**: 20 s `timeline:9` `sample:pay:1269`" in told
    assert "998 of 998 requests of pay (100.0%) failed or came late: 945 wrong, 30 reset" in told
    assert "failover: pay was dark at least 19.93 s, at most 20.06 s (allowed: 30 s)" in told


def test_the_impact_says_the_bounds_of_each_outage(recorded: Path) -> None:
    assert "rows was dark for at least 19.84 s, at most 19.96 s `sample:rows:" in rendered(recorded)


def test_the_drill_s_own_course_is_left_to_the_page(recorded: Path) -> None:
    texts = [one.text for one in reviewed(recorded).timeline]
    assert not [one for one in texts if "is on disk" in one or "the call returned" in one or "no objection" in one]


def test_what_nothing_can_prove_is_told(recorded: Path) -> None:
    entries = timeline.entries(recorded / timeline.FILE)
    [place, *_] = [one.n for one in entries if isinstance(one.what, timeline.GuardAnswered)]
    told = timeline.GuardAnswered(guard="identity", unproven="payments: an appliance that says nothing of itself")
    entries[place] = msgspec.structs.replace(entries[place], what=told)
    moments = [Moment(at=0.2, wall=entries[place].wall, text="Nothing proves what this is", entry=place)]
    facts = run_facts.Facts(msgspec.structs.replace(judged.result(), moments=moments), entries, {})
    assert [one.text for one in build.build(facts, Notes(())).timeline] == ["Nothing proves what this is"]


def test_a_run_that_did_nothing_has_no_duration_and_no_impact(recorded: Path) -> None:
    bare = msgspec.structs.replace(
        judged.result(verdict=Verdict.REFUSED), probes=[], steps=[], moments=[], findings=[], duration=0.0
    )
    told = rendered(recorded, bare)
    assert "Nothing was done to the environment" in told
    assert "unknown: nothing was looked at" in told


def test_a_step_that_is_to_stay_is_what_was_done_about_it_and_no_cause(recorded: Path) -> None:
    one = judged.result()
    fix = msgspec.structs.replace(
        one.steps[0], id="fix", name="start the standby", started=20.0, undo="left", undo_because="", left_by="drill"
    )
    review = reviewed(recorded, msgspec.structs.replace(one, steps=[*one.steps, fix]))
    assert [line.text for line in review.causes] == [
        "The drill did this on purpose: kill the primary (patroni.kill_primary), done: pg1 does not run any more"
    ]
    assert review.resolution[0].text.startswith("Done about it at 10:30:20 UTC (+13.60 s): start the standby")


def test_the_review_says_what_is_not_as_it_was_and_what_nobody_asked(recorded: Path) -> None:
    texts = [line.text for line in reviewed(recorded).residual]
    assert "not as before: who answers of rows: pg1 answers no more, 108 of 108 before; pg2 answers now" in texts[1]
    assert texts[-1].startswith("not known: what no `settings`")


def test_what_the_findings_advise_is_to_be_improved_with_the_finding_named(recorded: Path) -> None:
    advised = Finding(kind="outage", claim="c", verdict=Verdict.INCONCLUSIVE, because="b", advice="probe every 2 ms")
    fine = Finding(kind="outage", claim="d", verdict=Verdict.PASSED, because="b")
    result = msgspec.structs.replace(judged.result(), findings=[fine, advised])
    measures = rendered(recorded, result).split("## Corrective")[1].split("### Tasks")[0]
    assert measures.count("\n- ") == 1
    assert "- probe every 2 ms (INCONCLUSIVE, c) `finding:1`" in measures


def test_who_has_to_write_what_is_missing_is_said(recorded: Path) -> None:
    told = rendered(recorded)
    assert '`faildrill note RUN "…" --kind cause`' in told
    assert "--kind task --owner WHO --due DATE" in told


def test_a_line_of_a_person_stands_at_the_time_when_it_happened_and_is_marked_as_theirs(recorded: Path) -> None:
    told = rendered(recorded, None, note("the pager rang", at="2026-11-22T10:30:09.000000Z"))
    lines = [line for line in told.split("## Timeline")[1].splitlines() if line.startswith("- 10:")]
    [place] = [at for at, line in enumerate(lines) if "the pager rang" in line]
    assert lines[place] == "- 10:30:09: the pager rang — *Ada, written 2026-11-22 11:00:00 UTC* `note:1`"
    assert lines[place - 1].startswith("- 10:30:06")
    assert lines[place + 1].startswith("- 10:30:25")


@pytest.mark.parametrize(
    ("at", "place", "told"), [("2026-11-21T09:00:00Z", 0, "before the run"), ("2026-11-23T09:00:00Z", -1, "after")]
)
def test_a_time_outside_of_the_run_is_told(recorded: Path, at: str, place: int, told: str) -> None:
    line = reviewed(recorded, None, note("mail", at=at)).timeline[place]
    assert line.text == "mail"
    assert told in line.remark


def test_what_people_wrote_is_not_cut_however_much_the_run_has_to_tell(run: Path) -> None:
    one = judging.judge(run)
    long = msgspec.structs.replace(one, moments=one.moments * 100)
    notes.append(run, note("the end of it", at="2026-11-23T09:00:00Z"))
    reports.write(run, long)
    for name in ("report.md", "report.html"):
        page = (run / name).read_text(encoding="utf-8")
        assert "the end of it" in page
        assert "more lines in the files of the run" in page


def test_causes_and_tasks_stand_where_they_belong(recorded: Path) -> None:
    cause = note("the standby was on slow disks", sort="cause")
    task = note("move | it", sort="task", owner="dba", due="2026-12-01")
    told = rendered(recorded, None, cause, task)
    root, rest = told.split("### Root cause")[1].split("### Resolution")
    assert "- the standby was on slow disks — *Ada" in root
    assert "only people know" not in root
    assert "| move \\| it | dba | 2026-12-01 | Ada, written" in rest


def test_a_correction_keeps_the_former_words_and_a_withdrawal_keeps_all(recorded: Path) -> None:
    first = note("teh cause", sort="cause")
    right = note("the cause", sort="cause", corrects=1)
    wrong = note("it was DNS", sort="cause")
    gone = note("it was not", withdraws=3)
    told = rendered(recorded, None, first, right, wrong, gone)
    root, changed = told.split("### Root cause")[1].split("## What was corrected or withdrawn")
    assert "the cause — *Ada, written 2026-11-22 11:00:00 UTC* (corrected) `note:1`" in root
    assert "teh cause" not in root
    assert "it was DNS" not in root
    assert "teh cause — *Ada, written 2026-11-22 11:00:00 UTC* (corrected by Ada at 2026-11-22 11:00:00 UTC)" in changed
    assert "it was DNS" in changed
    assert "withdrawn by Ada at 2026-11-22 11:00:00 UTC: it was not" in changed


def test_notes_of_people_beside_the_run_are_put_in_as_they_wrote_them(recorded: Path) -> None:
    notes = "**Ada** saw the alert at 10:31.\n\n- it named the wrong team"
    assert notes in rendered(recorded, free=notes)


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_hostile_strings_are_neither_html_nor_structure(text: str, recorded: Path) -> None:
    def told(words: str, put: Callable[[str], str]) -> str:
        notes = [note(words, at="2026-11-22T10:30:09Z"), note(words, sort="cause", owner=words, due=words)]
        notes += [note(words, sort="task", owner=words, due=words), note(words, corrects=2), note(words, withdraws=1)]
        return rendered(recorded, judged.result(put), *(msgspec.structs.replace(one, by=words) for one in notes))

    calm, page = (told(words, hostile.put_into(words)) for words in ("calm", text))
    outside_code = re.sub(r"`[^`\n]*`", "", page)
    assert "<" not in page
    assert not re.search(r"(?<!\\)\]\(", outside_code)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert len(page.splitlines()) == len(calm.splitlines())
    assert re.findall(r"^##+ .+$", page, re.MULTILINE) == re.findall(r"^##+ .+$", calm, re.MULTILINE)


def test_what_somebody_changed_in_the_file_is_kept_when_it_is_written_anew(run: Path) -> None:
    reports.write(run, judging.judge(run))
    review = run / "report.md"
    reports.write(run, judging.judge(run))
    assert not list(run.glob("report.edited-*"))
    edits = []
    for words in ("Ada was on call.", "Grace was, too."):
        review.write_text(review.read_text(encoding="utf-8") + words, encoding="utf-8")
        edits.append(review.read_bytes())
        reports.write(run, judging.judge(run))
    assert [(run / f"report.edited-{number}.md").read_bytes() for number in (1, 2)] == edits
    assert "`report.edited-2.md`" in review.read_text(encoding="utf-8")
    assert "report.edited-1.md" in (run / "report.html").read_text(encoding="utf-8")


def test_the_page_says_what_the_file_says(run: Path) -> None:
    result = judging.judge(run)
    reports.write(run, result)
    page = (run / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.split('id="review"')[1]))
    review = reviewed(run, result)
    for line in (*review.summary, *review.timeline, *review.causes, *review.resolution, *review.improve):
        assert line.text.replace("'", "&#39;") in text
