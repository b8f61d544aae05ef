"""A change of HAProxy's servers that no user could notice is refused, and so is one that takes another backend away."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.haproxy.server_changes import Drain, Maintenance, Weights
from faildrill.errors import ActionFailed, ActionRefused
from faildrill.kinds.call_context import CallContext
from lab.haproxies import Balancer, balancer
from lab.hosts_lab import given, here, step

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
GIVEN = CallContext("run", 5.0)
BACKUP = "server s4 unix@{folder}/s4.sock backup"
DEAD = "server s4 unix@{folder}/nobody.sock check inter 50ms fall 1"
TRACKING = """server s4 unix@{folder}/s4.sock

backend admin
    server a1 unix@{folder}/s1.sock track payments/s1
{also}
"""
UNNOTICED = "no user could notice"


def capture(one: Balancer, kind: type[Drain | Maintenance], server: str) -> dict[str, Any]:
    action = kind.model_validate({"load_balancer": one.target, "backend": "payments", "server": server})
    return dict(asyncio.run(action.capture(GIVEN)))


def becomes(one: Balancer, state: str) -> None:
    """Wait until s4 is in a state."""

    deadline = time.monotonic() + 10
    while not any(",s4," in row and state in row for row in asyncio.run(one.tell("show stat")).splitlines()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("kind", [Drain, Maintenance])
@pytest.mark.parametrize("more", [BACKUP, DEAD], ids=["a backup", "down"])
def test_a_server_that_gets_no_requests_is_not_taken_out(
    tmp_path: Path, kind: type[Drain | Maintenance], more: str
) -> None:
    with balancer(tmp_path, more=more.format(folder=tmp_path)) as one:
        if more == DEAD:
            becomes(one, "DOWN")
        with pytest.raises(ActionRefused, match=UNNOTICED):
            capture(one, kind, "s4")


def test_a_backup_that_is_needed_is_taken_out(tmp_path: Path) -> None:
    spare = f"{BACKUP}\n    server s5 unix@{{folder}}/s4.sock backup"
    with balancer(tmp_path, more=spare.format(folder=tmp_path)) as one:
        asyncio.run(one.tell(*(f"set server payments/{name} state maint" for name in ("s1", "s2", "s3"))))
        assert capture(one, Maintenance, "s4")


def test_a_server_that_drains_still_has_who_is_bound_to_it(tmp_path: Path) -> None:
    with balancer(tmp_path, more=BACKUP.format(folder=tmp_path)) as one:
        asyncio.run(one.tell("set server payments/s1 state drain"))
        assert capture(one, Maintenance, "s1")


@pytest.mark.parametrize(
    ("weights", "is_refused"),
    [
        ({"s1": 10, "s2": 10, "s3": 10}, True),
        ({"s1": 10, "s2": 10, "s3": 11}, False),
        ({"s4": 100}, True),
        ({"s1": 0}, False),
    ],
)
def test_weights_by_which_every_share_stays_are_not_set(
    tmp_path: Path, weights: dict[str, int], is_refused: bool
) -> None:
    with balancer(tmp_path, more=BACKUP.format(folder=tmp_path)) as one:
        action = Weights.model_validate({"load_balancer": one.target, "backend": "payments", "set": weights})
        if is_refused:
            with pytest.raises(ActionRefused, match=UNNOTICED):
                asyncio.run(action.capture(GIVEN))
        else:
            asyncio.run(action.capture(GIVEN))


def test_the_last_server_of_a_backend_that_tracks_it_stays_and_others_are_told(tmp_path: Path) -> None:
    alone = TRACKING.format(folder=tmp_path, also="")

    with (
        balancer(tmp_path, more=alone, server="check") as one,
        pytest.raises(ActionRefused, match="admin would have no server left"),
    ):
        capture(one, Maintenance, "s1")
    others = tmp_path / "others"
    others.mkdir()
    more = TRACKING.format(folder=others, also=f"    server a2 unix@{others}/s2.sock")
    with balancer(others, more=more, server="check") as one:
        action = Drain.model_validate({"load_balancer": one.target, "backend": "payments", "server": "s1"})
        shown = asyncio.run(action.preview(GIVEN))
    assert shown.touches == ["front/payments/s1", "front/admin/a1"]


@pytest.mark.parametrize(("name", "more"), [("haproxy-drain", {}), ("haproxy-weight", {"haproxy_weight": 7})])
def test_the_playbooks_leave_a_server_that_is_down_alone(tmp_path: Path, name: str, more: dict[str, Any]) -> None:
    where: dict[str, Any] = {
        "haproxy_hosts": "here",
        "haproxy_socket": str(tmp_path / "admin.sock"),
        "haproxy_backend": "payments",
    }
    with balancer(tmp_path, more=DEAD.format(folder=tmp_path)) as one:
        becomes(one, "DOWN")
        action = step(here(tmp_path), name, haproxy_server="s4", **where, **more)
        before = asyncio.run(action.capture(given()))
        with pytest.raises(ActionFailed, match="payments/s4 is down or in maintenance"):
            asyncio.run(action.apply(before, given()))
        assert not asyncio.run(action.confirm(before, given())).holds
