"""What plays tell, read and told apart; and what is refused before any host is touched."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.ansible.inventory import listed
from faildrill.adapters.ansible.play_process import LostEvent, news
from faildrill.adapters.ansible.plays import _moment
from faildrill.adapters.ansible.results import Played, told
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Hears
from support.playbooks import idle

LISTING = """
playbook: apply.yml

  play #1 (web): Stop it\tTAGS: []
    pattern: ['web']
    hosts (2):
      web2
      web1
    tasks:
      shop : Stop the service\tTAGS: [stop]
      Wait\tTAGS: []

  play #2 (db): Leave it\tTAGS: []
    pattern: ['db']
    hosts (0):
    tasks:
      Look\tTAGS: []

playbook: undo.yml

  play #1 (web): Start it\tTAGS: []
    pattern: ['web']
    hosts (1):
      web1
    tasks:
"""


def test_hosts_and_tasks_are_read_from_what_ansible_lists_of_each_playbook() -> None:
    first, second = listed(LISTING)
    assert first == (["web1", "web2"], ["shop : Stop the service", "Wait", "Look"])
    assert second == (["web1"], [])


def event(kind: str, host: str, result: dict[str, object], **more: object) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": host, "task": "Stop it", "res": result, **more}}


def played(*events: dict[str, Any], **stats: dict[str, int]) -> Played:
    found = Played()
    for one in (*events, {"event": "playbook_on_stats", "event_data": stats}):
        told_of = news(one)
        assert told_of is not None
        found.take(told_of)
    return found


def test_changed_unchanged_skipped_failed_and_unreachable_are_told_apart() -> None:
    found = played(
        event("runner_on_ok", "a", {"changed": True}),
        event("runner_on_ok", "b", {"changed": False}),
        event("runner_on_skipped", "c", {}),
        event("runner_on_failed", "d", {"msg": "no space"}),
        event("runner_on_unreachable", "e", {"msg": "timed out"}),
        ok={"a": 1, "b": 1},
        changed={"a": 1},
        skipped={"c": 1},
        failures={"d": 1},
        dark={"e": 1},
    )
    found.code = 4
    assert found.hosts == ["a", "b", "c", "d", "e"]
    assert found.changed == ["a"]
    assert found.told() == "a: 1 changed, 1 ok; b: 1 ok; c: 1 skipped; d: 1 failed; e: 1 unreachable"
    assert told(found).startswith("e: Stop it (unreachable): timed out; d: Stop it (failed): no space")


def test_a_failure_that_the_playbook_ignores_or_rescues_is_none() -> None:
    found = played(
        event("runner_on_failed", "a", {"msg": "x"}, ignore_errors=True),
        event("runner_on_failed", "b", {"msg": "x"}),
        ok={"a": 1, "b": 1},
        rescued={"b": 1},
    )
    assert found.failed == []


def test_facts_that_were_set_are_given_and_gathered_ones_are_not() -> None:
    found = played(event("runner_on_ok", "a", {"ansible_facts": {"leader": "db1", "ansible_os": "x"}}), ok={"a": 1})
    assert found.facts() == {"a": {"leader": "db1"}}


def test_an_event_s_time_is_never_before_its_play_nor_in_the_future() -> None:
    earliest = time.monotonic_ns() - 5_000_000_000
    assert _moment("1999-01-01T00:00:00", earliest) == earliest
    assert _moment("2999-01-01T00:00:00+00:00", earliest) <= time.monotonic_ns()
    assert earliest < _moment(None, earliest) <= time.monotonic_ns()


def test_an_event_whose_file_is_gone_is_said_to_be_lost_and_not_passed_over() -> None:
    with pytest.raises(LostEvent, match="what was done is unknown"):
        news({"uuid": "1f", "counter": 3, "stdout": "changed: [h1]"})


def test_what_the_engine_gives_takes_news() -> None:
    assert isinstance(CallContext("run", timeout=1.0), Hears)


@pytest.mark.parametrize("name", ["faildrill_before", "ansible_ssh_args", "a-b", "1a"])
def test_a_variable_that_would_not_pass_or_is_ours_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="can't be a variable here"):
        idle(tmp_path, vars={name: 1})


@pytest.mark.parametrize("endless", ["pipe", "device"])
def test_an_inventory_without_an_end_is_not_read(endless: str, tmp_path: Path) -> None:
    playbook = idle(tmp_path)
    Path(playbook.hosts.inventory).unlink()
    if endless == "pipe":
        os.mkfifo(playbook.hosts.inventory)
    else:
        Path(playbook.hosts.inventory).symlink_to("/dev/zero")
    for asked in (playbook.preview, playbook.capture):
        with pytest.raises(CannotSee, match="is neither a file nor a folder"):
            asyncio.run(asked(CallContext("run", timeout=60.0)))
    assert "is neither a file nor a folder" in str(asyncio.run(playbook.objection(CallContext("run", timeout=60.0))))
