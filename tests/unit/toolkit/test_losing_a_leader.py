"""The leader of a store is taken away, by a reach and a store that may both lie."""

import asyncio
from typing import Any

import pytest

from faildrill.errors import ActionRefused
from faildrill.ports import Captured, Observed
from unit.toolkit.simulated_store import Call, Clerk, LoseChief, World, kind, world


def lose(there: World, **parameters: Any) -> LoseChief:
    return kind(LoseChief, there, **parameters)


def refusal(there: World, **parameters: Any) -> str:
    with pytest.raises(ActionRefused) as told:
        asyncio.run(lose(there, **parameters).capture(Call(there, 1.0)))
    assert there.done == []
    return str(told.value)


def test_nothing_is_taken_from_a_store_without_one_leader() -> None:
    there = world(Clerk("b", leads=True))
    assert refusal(there) == "office has no single chief to lose: 2 chiefs"


def test_the_last_one_that_could_lead_is_not_taken_and_why_is_told_with_what_to_do() -> None:
    there = world(Clerk("b", behind=11), Clerk("c", silent="refused"))
    assert refusal(there) == (
        "office/a is the last healthy clerk, it is not taken: b is 11 pages behind (do: wait); c refused (do: wake c)"
    )


def test_nothing_is_taken_where_something_keeps_all_from_taking_over() -> None:
    assert refusal(world(closed="closed")) == "office: nobody would take over now: closed (do: open it)"


def test_a_node_that_stands_still_is_nobody_to_take_over() -> None:
    assert "b stands still" in refusal(world(Clerk("b", position=90)))


def test_a_leader_that_does_not_run_where_its_reach_leads_is_not_taken() -> None:
    assert "gives orders but does not run here" in refusal(world(states={"a": "absent"}))


def test_a_time_limit_that_nobody_would_keep_is_refused() -> None:
    assert "holds no time limit" in refusal(world(), at_most="5s")


def test_the_steps_own_limit_decides_who_could_follow_and_is_what_is_written_down() -> None:
    there = world(Clerk("b", behind=50))
    assert "50 pages behind" in refusal(there)
    before = asyncio.run(lose(there, most=50).capture(Call(there, 1.0)))
    assert (before["chief"], before["able"]) == ("a", ["b"])


@pytest.mark.parametrize(("how", "signal"), [("killed", "KILL a"), ("hung", "STOP a")], ids=["killed", "hung"])
def test_who_was_seen_to_lead_is_signalled_once(how: str, signal: str) -> None:
    async def story() -> dict[str, Any]:
        action = lose(there, how=how)
        return await action.apply(await action.capture(Call(there, 1.0)), Call(there, 1.0))

    there = world()
    assert asyncio.run(story()) == {"chief": "a"}
    assert there.done == [signal]


def confirmed(there: World, how: str = "killed") -> Observed:
    return asyncio.run(lose(there, how=how).confirm({"chief": "a"}, Call(there, 1.0)))


def test_one_that_still_runs_is_not_lost() -> None:
    assert confirmed(world()) == Observed(holds=False, because="a is running", evidence={"state": "running"})


def test_one_that_is_said_to_be_gone_while_somebody_takes_connections_there_is_not_lost() -> None:
    async def story() -> Observed:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            there = world(states={"a": "absent"}, at=[at])
            return await lose(there).confirm({"chief": "a"}, Call(there, 2.0))

    seen = asyncio.run(story())
    assert not seen.holds
    assert "a is absent, and somebody still takes connections at 127.0.0.1:" in seen.because


def test_one_that_is_gone_and_whose_port_is_dark_is_lost() -> None:
    assert confirmed(world(states={"a": "absent"}, at=["127.0.0.1:1"])).holds


def test_a_state_alone_is_the_word_of_its_reach() -> None:
    assert confirmed(world(states={"a": "absent"})).word_of == "its reach"
    assert not confirmed(world(states={"a": "absent"}, at=["127.0.0.1:1"])).word_of


@pytest.mark.parametrize(
    ("state", "done"),
    [("stopped", ["CONT a", "start a"]), ("absent", ["start a"]), ("running", ["start a"])],
    ids=["stopped", "absent", "running"],
)
def test_it_is_let_go_on_or_started_whichever_it_needs(state: Any, done: list[str]) -> None:  # noqa: ANN401 - one of three
    there = world(states={"a": state})
    asyncio.run(lose(there).undo({"chief": "a"}, Call(there)))
    assert there.done == done


BEFORE: Captured = {"chief": "a", "able": ["b"], "members": {"a": "gives orders", "b": "listens"}}


@pytest.mark.parametrize(
    ("clerks", "holds", "because"),
    [
        ([Clerk("a", leads=True), Clerk("b")], True, "a gives orders again"),
        ([Clerk("a"), Clerk("b", leads=True)], True, "a listens to b"),
        ([Clerk("a"), Clerk("b")], False, "no chief; a listens; b listens"),
        ([Clerk("a", leads=True), Clerk("b", leads=True)], False, "2 chiefs"),
        ([Clerk("a", listens=False), Clerk("b", leads=True)], False, "a sleeps"),
        ([Clerk("a", leads=True), Clerk("b", behind=11)], False, "b is 11 pages behind"),
    ],
    ids=["leads", "follows", "nobody-leads", "both-lead", "apart", "the-other-is-behind"],
)
def test_it_is_put_back_only_when_one_leads_and_all_that_did_are_at_their_work(
    clerks: list[Clerk], holds: bool, because: str
) -> None:
    there = World({one.name: one for one in clerks})
    seen = asyncio.run(lose(there).restored(BEFORE, Call(there)))
    assert (seen.holds, seen.because) == (holds, because)


def test_what_would_be_lost_is_told_with_those_that_go_on() -> None:
    there = world(Clerk("b"), Clerk("c", never=True))
    told = asyncio.run(lose(there).preview(Call(there, 1.0)))
    assert (told.touches, told.spares, told.effect) == (["office/a"], ["office/b"], "office/a is sent home")
    assert there.done == []
