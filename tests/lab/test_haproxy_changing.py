"""Weights, drain and maintenance on the lab's real HAProxy: done once, seen, undone, and never the last server."""

import asyncio
from pathlib import Path
from typing import Any, Protocol

import pytest

from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.adapters.haproxy.server_changes import Drain, Maintenance, Weights
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.ports import Action, Captured, Confirms, Previews, Restores

pytestmark = [pytest.mark.lab, pytest.mark.timeout(60), pytest.mark.usefixtures("steady_lab")]
GIVEN = CallContext("run", 5.0)
SERVERS = ["pay1", "pay2", "pay3"]


class Change(Action, Confirms, Restores, Previews, Protocol):
    """Everything that these actions offer."""


def socket_of(lab: Facts) -> str:
    return str(lab.folder / "run" / "haproxy.sock")


@pytest.fixture
def balancer(lab: Facts) -> LoadBalancer:
    return LoadBalancer(
        name="payments", haproxy_socket=socket_of(lab), backends={"payments": SERVERS, "database": ["pg1"]}
    )


def seen(lab: Facts) -> dict[str, tuple[str, str]]:
    rows = statistics(asyncio.run(tell(socket_of(lab), "show stat -1 4 -1"))) or []
    return {row["svname"]: (row["status"].split()[0], row["weight"]) for row in rows if row["pxname"] == "payments"}


def weights(balancer: LoadBalancer, **of: int) -> Weights:
    return Weights(load_balancer=balancer, backend="payments", set=of)


def changes(balancer: LoadBalancer) -> list[tuple[Change, str, dict[str, tuple[str, str]]]]:
    one: dict[str, Any] = {"load_balancer": balancer, "backend": "payments", "server": "pay1"}
    return [
        (
            weights(balancer, pay1=70, pay2=10),
            "pay1 weight 70, pay2 weight 10",
            {"pay1": ("UP", "70"), "pay2": ("UP", "10")},
        ),
        (Drain(**one), "pay1 drain", {"pay1": ("DRAIN", "1")}),
        (Maintenance(**one), "pay1 maint", {"pay1": ("MAINT", "1")}),
    ]


@pytest.mark.parametrize("number", range(3), ids=["weights", "drain", "maintenance"])
def test_a_change_is_seen_and_so_is_its_undo_which_can_be_made_twice(
    number: int, balancer: LoadBalancer, lab: Facts
) -> None:
    action, told, becomes = changes(balancer)[number]
    at_first = seen(lab)

    async def there_and_back() -> None:
        preview = await action.preview(GIVEN)
        assert preview.effect == f"payments: {told}"
        assert preview.touches == [f"payments/payments/{name}" for name in becomes]
        gone = {name for name, (state, _) in becomes.items() if state != "UP"}
        assert set(preview.spares) == {f"payments/payments/{name}" for name in {"pay1", "pay2", "pay3"} - gone}
        before = await action.capture(GIVEN)
        assert not (await action.confirm(before, GIVEN)).holds
        await action.apply(before, GIVEN)
        observed = await action.confirm(before, GIVEN)
        assert (observed.holds, observed.because) == (True, told)
        assert not (await action.restored(before, GIVEN)).holds
        assert await asyncio.to_thread(seen, lab) == {**at_first, **becomes}
        await action.undo(before, GIVEN)
        await action.undo(before, GIVEN)
        for _ in range(100):
            if (await action.restored(before, GIVEN)).holds:
                break
            await asyncio.sleep(0.05)

    asyncio.run(there_and_back())
    assert seen(lab) == at_first


def test_what_is_so_already_is_refused(balancer: LoadBalancer) -> None:
    with pytest.raises(ActionRefused, match="pay1 weight 1 already"):
        asyncio.run(weights(balancer, pay1=1).capture(GIVEN))


def test_the_last_server_that_takes_requests_stays(balancer: LoadBalancer, lab: Facts) -> None:
    with pytest.raises(ActionRefused, match="no server left"):
        asyncio.run(weights(balancer, pay1=0, pay2=0, pay3=0).capture(GIVEN))
    others = "; ".join(f"set server payments/{name} state drain" for name in SERVERS[1:])
    asyncio.run(tell(socket_of(lab), others))
    try:
        for kind in (Drain, Maintenance):
            with pytest.raises(ActionRefused, match="no server left"):
                asyncio.run(kind(load_balancer=balancer, backend="payments", server="pay1").capture(GIVEN))
    finally:
        asyncio.run(tell(socket_of(lab), others.replace("drain", "ready")))


def test_a_server_that_haproxy_does_not_know_can_not_be_seen(lab: Facts) -> None:
    other = LoadBalancer(name="payments", haproxy_socket=socket_of(lab), backends={"payments": ["pay9"]})
    with pytest.raises(CannotSee, match="pay9"):
        asyncio.run(weights(other, pay9=3).capture(GIVEN))


def test_a_server_that_vanished_after_the_look_is_a_failure(lab: Facts) -> None:
    other = LoadBalancer(name="payments", haproxy_socket=socket_of(lab), backends={"payments": ["pay1", "pay9"]})
    before: Captured = {"servers": {"pay1": [2, 0, 1], "pay9": [2, 0, 1]}}
    with pytest.raises(ActionFailed, match="No such server"):
        asyncio.run(weights(other, pay1=1, pay9=3).apply(before, GIVEN))


def test_nobody_there_is_refused_when_told_and_unseen_when_asked(balancer: LoadBalancer, tmp_path: Path) -> None:
    gone = weights(balancer.model_copy(update={"haproxy_socket": str(tmp_path / "none.sock")}), pay1=3)
    with pytest.raises(CannotSee):
        asyncio.run(gone.capture(GIVEN))
    with pytest.raises(ActionRefused):
        asyncio.run(gone.apply({"servers": {"pay1": [2, 0, 1]}}, GIVEN))
