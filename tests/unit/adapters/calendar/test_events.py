"""`window.calendar`: the events of an iCalendar file, as RFC 5545 has them."""

import asyncio
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from faildrill.adapters.calendar.events import LARGEST, Calendar
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext

HEAD = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//t//t//\n"
EVENT = "BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20270101T000000Z\n{lines}\nSUMMARY:{summary}\nEND:VEVENT\n"
MONTHLY = (
    "DTSTART;TZID=Europe/Berlin:20270101T080000\nDTEND;TZID=Europe/Berlin:20270101T180000\n"
    "RRULE:FREQ=MONTHLY;BYMONTHDAY=1\nEXDATE;TZID=Europe/Berlin:20270601T080000"
)
MOVED = (
    "RECURRENCE-ID;TZID=Europe/Berlin:20270701T080000\n"
    "DTSTART;TZID=Europe/Berlin:20270702T080000\nDTEND;TZID=Europe/Berlin:20270702T180000"
)
WHOLE = "DTSTART;VALUE=DATE:20271224\nDTEND;VALUE=DATE:20271227\nTRANSP:TRANSPARENT"


def calendar(tmp_path: Path, zone: str = "Europe/Berlin", **how: object) -> Calendar:
    path = tmp_path / "freezes.ics"
    events = [
        EVENT.format(uid=1, lines=MONTHLY, summary="Month end freeze"),
        EVENT.format(uid=1, lines=MOVED, summary="Month end freeze\\, moved"),
        EVENT.format(uid=2, lines=WHOLE, summary="Christmas"),
        EVENT.format(uid=3, lines="DTSTART:20270310T090000Z\nDTEND:20270310T100000Z\nSTATUS:CANCELLED", summary="Off"),
        EVENT.format(uid=4, lines="DTSTART:20270311T090000\nDTEND:20270311T100000", summary="Floating"),
    ]
    path.write_text(f"{HEAD}{''.join(events)}END:VCALENDAR\n", encoding="utf-8")
    return Calendar.model_validate({"file": str(path), "zone": zone, **how})


def said(one: Calendar, at: str) -> str:
    return one.said_at(datetime.fromisoformat(at).replace(tzinfo=UTC)) or ""


def test_what_recurs_blocks_by_the_clock_of_its_zone_in_summer_and_winter(tmp_path: Path) -> None:
    one = calendar(tmp_path)
    assert "freezes.ics has 'Month end freeze' (2027-02-01 08:00 CET to" in said(one, "2027-02-01 07:30")
    assert said(one, "2027-02-01 17:30") == ""
    assert "Month end freeze" in said(one, "2027-08-01 06:30")
    assert said(one, "2027-08-01 16:30") == ""


def test_one_that_was_taken_out_or_moved_does_not_block_on_its_old_day(tmp_path: Path) -> None:
    one = calendar(tmp_path)
    assert said(one, "2027-06-01 10:00") == said(one, "2027-07-01 10:00") == ""
    assert "moved" in said(one, "2027-07-02 10:00")


def test_whole_days_are_those_of_the_zone_and_block_though_they_are_marked_as_free(tmp_path: Path) -> None:
    assert "'Christmas' (2027-12-24 to 2027-12-27)" in said(calendar(tmp_path), "2027-12-23 23:30")
    assert said(calendar(tmp_path, zone="America/New_York"), "2027-12-23 23:30") == ""
    assert said(calendar(tmp_path), "2027-12-26 23:30") == ""


def test_a_time_without_a_zone_is_one_of_the_zone(tmp_path: Path) -> None:
    assert said(calendar(tmp_path), "2027-03-11 08:30")
    assert said(calendar(tmp_path), "2027-03-11 09:30") == ""


def test_what_is_cancelled_blocks_nothing(tmp_path: Path) -> None:
    assert said(calendar(tmp_path), "2027-03-10 09:30") == ""


def test_only_some_events_count_where_that_is_said(tmp_path: Path) -> None:
    assert said(calendar(tmp_path, only="FREEZE"), "2027-12-24 10:00") == ""
    assert said(calendar(tmp_path, only="FREEZE"), "2027-02-01 10:00")


def test_an_event_that_begins_while_the_place_is_needed_blocks(tmp_path: Path) -> None:
    assert said(calendar(tmp_path, room="1h"), "2027-02-01 06:30")
    assert said(calendar(tmp_path), "2027-02-01 06:30") == ""


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:x\nEND:VEVENT\n", b"\xff\x00"]
)
def test_what_is_no_calendar_objects(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.ics"
    path.write_bytes(content)
    one = Calendar(file=str(path), zone="UTC")
    with pytest.raises(CannotSee, match="is no calendar that can be read"):
        said(one, "2027-02-01 07:30")
    assert "is no calendar" in str(asyncio.run(one.objection(CallContext("run", timeout=5))))


def test_a_calendar_that_is_missing_or_too_large_objects(tmp_path: Path) -> None:
    one = Calendar(file=str(tmp_path / "none.ics"), zone="UTC")
    assert "can't be read (No such file" in str(asyncio.run(one.objection(CallContext("run", timeout=5))))
    (tmp_path / "none.ics").write_bytes(b"x" * (LARGEST + 1))
    assert "is larger than 8 MiB" in str(asyncio.run(one.objection(CallContext("run", timeout=5))))


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    path = calendar(tmp_path).file
    code = (
        "import sys; sys.modules['icalendar'] = None\n"
        "from datetime import UTC, datetime\n"
        "from faildrill.adapters.calendar.events import Calendar\n"
        f"try: Calendar(file={path!r}, zone='UTC').said_at(datetime.now(UTC))\n"
        "except Exception as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "calendars can't be read here: pip install 'faildrill[calendar]'\n"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("DTSTART:20261129T000000Z\nDTEND:20261128T000000Z", "ends before it begins (2026-11-29 00:00 UTC to 2026-11"),
        ("DTSTART:20261101T000000Z\nDTEND:20261028T000000Z\nRRULE:FREQ=DAILY", "ends before it begins"),
        ("DTSTART;VALUE=DATE:20261129\nDTEND;VALUE=DATE:20261128", "ends before it begins (2026-11-29 to 2026-11-28)"),
        ("DTSTART;VALUE=DATE:20261129\nDTEND;VALUE=DATE:20261129", "is of whole days, and has none"),
        ("DTSTART;VALUE=DATE:20261129\nDURATION:PT0S", "is of whole days, and has none"),
        ("DTSTART:20261129T110000Z\nDURATION:-PT5H", "ends before it begins"),
        ("DTSTART:20261129T000000\nDTEND:20261128T220000Z", "ends before it begins"),
        ("DTSTART;TZID=Mars/Base:20261129T000000\nDTEND;TZID=Mars/Base:20261130T000000", "is in a time zone that nob"),
        ("DTSTART:20261129T000000Z\nDTEND:20261199T000000Z", "can't be read"),
        ("DTEND:20261130T000000Z", "can't be read"),
    ],
)
def test_an_event_that_can_t_be_meant_objects_unless_it_does_not_count(tmp_path: Path, lines: str, why: str) -> None:
    path = tmp_path / "freezes.ics"
    for more, counts in (("", True), ("\nSTATUS:CANCELLED", False)):
        event = EVENT.format(uid=1, lines=lines + more, summary="Freeze")
        path.write_text(f"{HEAD}{event}END:VCALENDAR\n", encoding="utf-8")
        one = Calendar.model_validate({"file": str(path), "zone": "Europe/Berlin", "only": "freeze"})
        others = one.model_copy(update={"only": "release"})
        if counts or "read" in why:
            with pytest.raises(CannotSee, match=re.escape(why.replace("can't be read", "that can be read"))):
                one.said_at(datetime(2026, 11, 29, 12, tzinfo=UTC))
        else:
            assert one.said_at(datetime(2026, 11, 29, 12, tzinfo=UTC)) is None
        if "read" not in why:
            assert others.said_at(datetime(2026, 11, 29, 12, tzinfo=UTC)) is None


def test_an_event_that_is_a_moment_is_none_that_blocks_after_it(tmp_path: Path) -> None:
    path = tmp_path / "freezes.ics"
    event = EVENT.format(uid=1, lines="DTSTART:20261129T110000Z\nDTEND:20261129T110000Z", summary="Reminder")
    path.write_text(f"{HEAD}{event}END:VCALENDAR\n", encoding="utf-8")
    one = Calendar.model_validate({"file": str(path), "zone": "Europe/Berlin"})
    assert one.said_at(datetime(2026, 11, 29, 12, tzinfo=UTC)) is None
