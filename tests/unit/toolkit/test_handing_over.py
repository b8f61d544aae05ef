"""Another node of a store is made the leader, by a store that may say so and not do it."""

import asyncio
from typing import Any

import pytest

from faildrill.errors import ActionFailed, ActionRefused
from faildrill.ports import Captured, Given, Observed, Probe, Seen
from faildrill.record.samples import Outcome
from faildrill.testing import run
from faildrill.toolkit.connection_errors import Silence
from unit.toolkit.simulated_store import Call, Chiefs, Clerk, Elect, ElectAny, Whole, World, kind, world

BEFORE: Captured = {"chief": "a", "to": "b", "able": ["b"], "members": {"a": "gives orders", "b": "listens"}}


def elect(there: World, **parameters: Any) -> Elect:
    return kind(Elect, there, **parameters)


def given(there: World) -> Given:
    return Call(there, 10.0)


@pytest.mark.parametrize(
    ("there", "because"),
    [
        (world(Clerk("b", leads=True)), "office has no single chief to hand over: 2 chiefs"),
        (world(Clerk("b", silent="refused")), "office: nobody could take over from a now: b refused (do: wake b)"),
        (world(closed="closed"), "office: nobody could take over from a now: closed (do: open it)"),
        (world(Clerk("b", position=90)), "office: nobody could take over from a now: b stands still (do: see the way"),
    ],
    ids=["two-leaders", "silent", "hindered", "still"],
)
def test_nothing_is_handed_over_where_nobody_could_take_it(there: World, because: str) -> None:
    with pytest.raises(ActionRefused) as told:
        run(elect(there).capture(given(there)))
    assert str(told.value).startswith(because)
    assert there.done == []


@pytest.mark.parametrize(
    ("clerks", "holds"),
    [
        ([Clerk("a"), Clerk("b", leads=True), Clerk("c")], True),
        ([Clerk("a", leads=True), Clerk("b"), Clerk("c")], False),
        ([Clerk("a", leads=True), Clerk("b", leads=True), Clerk("c")], False),
        ([Clerk("a"), Clerk("b"), Clerk("c")], False),
        ([Clerk("a"), Clerk("b"), Clerk("c", leads=True)], False),
    ],
    ids=["done", "not-done", "both", "half-way", "another"],
)
def test_a_handover_is_seen_only_where_the_one_that_was_to_leads_alone(clerks: list[Clerk], holds: bool) -> None:
    there = World({one.name: one for one in clerks})
    seen: Observed = run(elect(there).confirm(BEFORE, given(there)))
    assert seen.holds is holds


def test_where_anybody_may_lead_next_the_same_one_again_is_no_handover() -> None:
    after = {"a": Clerk("a"), "b": Clerk("b"), "c": Clerk("c", leads=True)}
    assert run(kind(ElectAny, World(after)).confirm(BEFORE, given(World(after)))).holds
    there = world(Clerk("b"), Clerk("c"))
    assert not run(kind(ElectAny, there).confirm(BEFORE, given(there))).holds


def test_the_first_leader_is_waited_for_and_given_the_lead_once() -> None:
    def catching_up(of: World, look: int) -> None:
        of.change("a", leads=False, behind=max(0, 100 - 10 * look))
        of.change("b", leads=True)

    there = world(before=catching_up)
    run(elect(there).undo(BEFORE, given(there)))
    assert there.looks == 9
    assert there.done == ["elect a"]


def test_a_first_leader_that_leads_already_is_given_nothing() -> None:
    there = world()
    run(elect(there).undo(BEFORE, given(there)))
    assert there.done == []


def test_where_the_first_leader_never_gets_fit_nothing_is_sent_and_the_time_is_kept() -> None:
    async def story() -> float:
        clock = asyncio.get_running_loop().time
        began = clock()
        with pytest.raises(ActionFailed, match="office/a does not get fit to lead again; nothing was sent"):
            await elect(there).undo(BEFORE, given(there))
        return clock() - began

    there = World({"a": Clerk("a", behind=11), "b": Clerk("b", leads=True)})
    assert 4.0 < run(story()) <= 5.0
    assert there.done == []


def test_the_steps_own_limit_decides_when_the_first_leader_is_fit() -> None:
    there = World({"a": Clerk("a", behind=50), "b": Clerk("b", leads=True)})
    run(elect(there, most=50).undo(BEFORE, given(there)))
    assert there.done == ["elect a"]


@pytest.mark.parametrize(
    ("clerks", "holds", "because"),
    [
        ([Clerk("a", leads=True), Clerk("b")], True, "a gives orders again"),
        ([Clerk("a"), Clerk("b", leads=True)], False, "b gives orders, not a"),
        ([Clerk("a", leads=True), Clerk("b", listens=False)], False, "b sleeps"),
        ([Clerk("a"), Clerk("b")], False, "no chief; a listens; b listens"),
    ],
    ids=["again", "the-other", "apart", "half-way"],
)
def test_it_is_put_back_when_the_first_leader_leads_and_all_are_at_their_work(
    clerks: list[Clerk], holds: bool, because: str
) -> None:
    there = World({one.name: one for one in clerks})
    seen = run(elect(there).restored(BEFORE, given(there)))
    assert (seen.holds, seen.because) == (holds, because)


def look(of: type[Whole | Chiefs], there: World) -> Seen:
    probe: Probe = kind(of, there)
    return run(probe.look(given(there)))


def test_a_store_that_could_lose_its_leader_is_good_and_names_it() -> None:
    assert look(Whole, world()) == Seen(Outcome.OK, "a")


def test_a_store_that_could_not_is_wrong_with_what_misses() -> None:
    assert look(Whole, world(Clerk("b", position=90))) == Seen(Outcome.WRONG, "a", "b stands still")


def test_what_this_host_could_not_ask_proves_nothing_of_the_store() -> None:
    here = Silence.of(Outcome.BROKEN, "no descriptor left")
    for of, there in ((Whole, world(Clerk("b", silent=here))), (Chiefs, World({"b": Clerk("b", silent=here)}))):
        assert look(of, there) == Seen(Outcome.BROKEN, detail="b no descriptor left")


@pytest.mark.parametrize(
    ("clerks", "outcome", "who"),
    [
        ([Clerk("a", leads=True), Clerk("b", silent="timed out", answered=0)], Outcome.OK, "a"),
        ([Clerk("a", leads=True), Clerk("b", leads=True)], Outcome.WRONG, "a,b"),
        ([Clerk("a"), Clerk("b")], Outcome.WRONG, ""),
    ],
    ids=["one", "two", "none"],
)
def test_exactly_one_that_says_it_leads_is_good_and_all_that_do_are_named(
    clerks: list[Clerk], outcome: Outcome, who: str
) -> None:
    seen = look(Chiefs, World({one.name: one for one in clerks}))
    assert (seen.outcome, seen.who) == (outcome, who)


NUMBERED: Captured = {**BEFORE, "who": {"a": "17", "b": "18"}}


def numbered(a: str, b: str, leader: str) -> World:
    there = world(Clerk("b", leads=leader == "b", number=b))
    there.change("a", leads=leader == "a", number=a)
    return there


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (numbered("17", "18", "b"), None),
        (numbered("17", "", "b"), None),
        (numbered("17", "99", "b"), "b is another one: 99, it was 18"),
        (numbered("99", "18", "b"), "a is another one: 99, it was 17"),
    ],
    ids=["same", "one-does-not-say", "the-new-leader", "the-former-leader"],
)
def test_a_node_that_has_become_another_one_under_its_name_is_neither_confirmed_nor_put_back(
    there: World, told: str | None
) -> None:
    step = elect(there)
    seen = run(step.confirm(NUMBERED, given(there)))
    found = run(step.found(NUMBERED, given(there)))
    assert (seen.holds, found.whose) == ((True, "ours") if told is None else (False, "others"))
    assert told is None or (told in seen.because and told in found.now)


def test_a_leader_that_is_another_one_under_the_first_ones_name_is_not_put_back() -> None:
    there = numbered("99", "18", "a")
    seen = run(elect(there).restored(NUMBERED, given(there)))
    assert (seen.holds, seen.because) == (False, "a is another one: 99, it was 17")
