"""What is set around a drill and was left otherwise is found; what was not read twice is never called the same."""

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from faildrill.record.surroundings import Sight, Surroundings, load, write
from faildrill.reports.review.surroundings_lines import lines
from faildrill.standards import Settings

SET: Final[dict[str, Any]] = Settings.model_validate(
    {
        "backends": {
            "payments": {
                "algorithm": "roundrobin",
                "retries": 3,
                "timeouts": {"server": "5s", "queue": "none"},
                "servers": {
                    name: {"weight": 1, "state": "ready", "address": f"10.0.0.{number}:80", "max_connections": 64}
                    for number, name in enumerate(("pay1", "pay2", "pay3"))
                },
            }
        },
        "failover": {"ttl": "20s", "paused": False, "parameters": {"max_connections": 100}},
    }
).model_dump(mode="json")
Change = Callable[[dict[str, Any]], object]


def servers(read: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = read["backends"]["payments"]["servers"]
    return found


PLANTED: Final[dict[str, Change]] = {
    "weight of payments/pay1: 70, 1 before": lambda read: servers(read)["pay1"].update(weight=70),
    "state of payments/pay2: drain, ready before": lambda read: servers(read)["pay2"].update(state="drain"),
    "state of payments/pay3: maint, ready before": lambda read: servers(read)["pay3"].update(state="maint"),
    "payments/pay3: gone, there before": lambda read: servers(read).pop("pay3"),
    "payments/pay4: there, not there before": lambda read: servers(read).update(pay4={"weight": 1}),
    "max connections of payments/pay1: 1, 64 before": lambda read: servers(read)["pay1"].update(max_connections=1),
    "algorithm of payments: first, roundrobin before": lambda read: read["backends"]["payments"].update(
        algorithm="first"
    ),
    "paused: on, off before": lambda read: read["failover"].update(paused=True),
    "ttl: 1 min, 20 s before": lambda read: read["failover"].update(ttl="60s"),
    "parameter work mem: there, not there before": lambda read: read["failover"]["parameters"].update(work_mem="1GB"),
}


def seen(after: dict[str, Any], **more: Any) -> list[str]:
    before = Sight(when="before", wall="2026-11-22T10:30:00Z", settings={"lb": SET})
    other = Sight(when="after", wall="2026-11-22T10:31:00Z", settings={"lb": after}, **more)
    return [one.text for one in lines(Surroundings(before, other))]


@pytest.mark.parametrize("told", PLANTED)
def test_what_was_left_is_found_and_named(told: str) -> None:
    after = copy.deepcopy(SET)
    PLANTED[told](after)
    assert seen(after) == [f"not as before: what is set at lb: {told}"]


def test_what_is_as_it_was_is_said_to_show_no_difference() -> None:
    assert seen(SET) == ["no difference seen: what is set at lb"]


def test_what_something_sets_again_and_again_was_left_by_nobody() -> None:
    after = copy.deepcopy(SET)
    servers(after)["pay1"]["weight"] = 70
    path = ["backends", "payments", "servers", "pay1", "weight"]
    assert seen(after, steered={"lb": [path]}) == ["no difference seen: what is set at lb"]


def test_what_was_not_read_at_both_times_is_never_called_the_same() -> None:
    after = copy.deepcopy(SET)
    after["failover"]["ttl"] = None
    assert seen(after) == ["not known: what is set at lb: ttl: 20 s before, and can't be read after"]
    silent = Sight(when="after", wall="2026-11-22T10:31:00Z", settings={}, unread={"lb": ["no answer within 5 s"]})
    before = Sight(when="before", wall="2026-11-22T10:30:00Z", settings={"lb": SET})
    [line] = lines(Surroundings(before, silent))
    assert line.text == "not known: what is set at lb: no answer within 5 s after"
    [line] = lines(Surroundings(before, None))
    assert line.text == "not known: what is set was read before, and not after"


def test_a_part_that_was_not_read_hides_no_difference_elsewhere() -> None:
    after = copy.deepcopy(SET)
    servers(after)["pay1"]["weight"] = 70
    told = seen(after, unread={"lb": ["check of payments: garbage"]})
    assert told == [
        "not as before: what is set at lb: weight of payments/pay1: 70, 1 before",
        "not known: what is set at lb: check of payments: garbage after",
    ]


def test_what_was_read_is_kept_and_an_altered_file_tells_nothing(tmp_path: Path) -> None:
    before = Sight(when="before", wall="2026-11-22T10:30:00Z", settings={"lb": SET})
    after = Sight(when="after", wall="2026-11-22T10:31:00Z", settings={"lb": SET})
    assert load(tmp_path) == Surroundings()
    assert write(tmp_path, before)
    assert load(tmp_path) == Surroundings(before)
    assert write(tmp_path, after)
    assert load(tmp_path) == Surroundings(before, after)
    path = tmp_path / "surroundings.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"weight":1', b'"weight":2', 1))
    assert load(tmp_path) == Surroundings()
    assert not write(tmp_path, after)


def test_a_file_that_is_none_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "surroundings.jsonl")
    assert not write(tmp_path, Sight(when="before", wall="2026-11-22T10:30:00Z", settings={}))
