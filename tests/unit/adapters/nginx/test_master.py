"""Which NGINX it is: one that ran already when another one was looked at is never acted on."""

from pathlib import Path

import pytest

from faildrill.adapters.nginx.instance import Master
from faildrill.errors import CannotSee
from faildrill.ports import Captured
from faildrill.system.processes import Process

SEEN: Captured = {"master": 70, "start": 100, "at": 5000, "boot": "b1"}


def master(pid: int, start: int, boot: str = "b1") -> Master:
    return Master(Process(pid, start, 1, "S"), boot)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (master(70, 100), ""),
        (master(71, 4000), "it leads to two: NGINX's master 70 was looked at first, and now 71 is there"),
        (master(70, 4000), "it leads to two: NGINX's master 70 was looked at first, and now 70 is there"),
        (master(71, 5001), ""),
        (master(71, 90, boot="b2"), ""),
    ],
    ids=["the same", "another that ran already", "another with its number", "restarted since", "after a reboot"],
)
def test_an_nginx_that_ran_already_is_another_one_and_one_that_was_started_since_is_a_restart(
    now: Master, told: str
) -> None:
    assert now.differs(SEEN) == told
    assert now.differs({"line": "server a;", "at": 3}) == ""  # of an earlier version, which did not ask


def test_a_master_that_tells_nothing_can_not_be_seen(tmp_path: Path) -> None:
    with pytest.raises(CannotSee, match="names no running process"):
        Master.now(str(tmp_path / "none.pid"))
