"""A store with a leader: what follows from how its nodes were seen, also where they lie or are half-way."""

import asyncio

import pytest
from hypothesis import given as examples
from hypothesis import strategies

from faildrill.testing import run
from faildrill.toolkit.leader_store import Lack, observed, whole
from unit.toolkit.simulated_store import Clerk, Office, World, world


def office(*clerks: Clerk, most: float | None = None, closed: str = "") -> Office:
    return Office({one.name: one for one in clerks}, closed, most=most)


CHIEF = Clerk("a", leads=True)


def test_two_that_both_say_they_lead_are_no_leader_and_nobody_could_take_over() -> None:
    seen = office(CHIEF, Clerk("b", leads=True), Clerk("c"))
    assert seen.leader is None
    assert seen.candidates() == []
    assert seen.missing() == ["2 chiefs", "c listens"]


def test_without_a_leader_it_is_told_what_each_does_instead() -> None:
    seen = office(Clerk("a", silent="refused"), Clerk("b"))
    assert seen.missing() == ["no chief", "a refused", "b listens"]
    assert seen.redundancy() == seen.missing()


@pytest.mark.parametrize(
    ("clerk", "lack"),
    [
        (Clerk("b"), None),
        (Clerk("b", silent="timed out", behind=99), Lack("b timed out", "wake b")),
        (Clerk("b", listens=False), Lack("b sleeps", "have b listen to a")),
        (Clerk("b", behind=1234), Lack("b is 1,234 pages behind", "wait")),
        (Clerk("b", behind=10), None),
        (Clerk("b", never=True, broken=True), Lack("b never leads", "", by_design=True)),
        (Clerk("b", broken=True), Lack("b is broken", "mend b")),
    ],
    ids=["fit", "silent", "apart", "behind", "behind-a-little", "by-design", "broken"],
)
def test_the_first_reason_that_holds_is_told_in_the_stores_words(clerk: Clerk, lack: Lack | None) -> None:
    seen = office(CHIEF, clerk)
    assert seen.why_not("b") == lack
    assert seen.candidates() == ([] if lack else ["b"])


def test_the_limit_that_a_look_was_given_decides_and_not_the_stores_own() -> None:
    clerk = Clerk("b", behind=50)
    assert [office(CHIEF, clerk, most=most).candidates() for most in (None, 49, 50)] == [[], [], ["b"]]


def test_what_is_true_of_a_node_by_itself_is_told_where_nobody_leads_and_the_rest_is_not() -> None:
    seen = office(Clerk("a", silent="refused"), Clerk("b", behind=99), Clerk("c", never=True))
    assert seen.barred("b") is None
    assert seen.barred("c") == Lack("c never leads", "", by_design=True)


def test_one_that_is_never_to_lead_leaves_a_store_whole_so_long_as_another_one_could() -> None:
    never = Clerk("c", never=True)
    assert office(CHIEF, Clerk("b"), never).missing() == []
    assert office(CHIEF, Clerk("b", behind=11), never).missing() == ["b is 11 pages behind", "c never leads"]
    assert office(CHIEF, Clerk("b"), Clerk("c", never=True, listens=False)).missing() == ["c sleeps"]


def test_what_hinders_all_is_a_gap_though_every_node_is_fit() -> None:
    seen = office(CHIEF, Clerk("b"), closed="closed")
    assert (seen.candidates(), seen.missing()) == (["b"], ["closed"])
    assert seen.nobody() == "closed (do: open it)"


def test_a_store_of_one_node_is_whole_and_has_no_redundancy() -> None:
    seen = office(CHIEF)
    assert seen.missing() == []
    assert seen.redundancy() == ["only one member is declared"]
    assert seen.nobody() == "it is the only member declared"
    [told] = whole("office", seen)
    assert not told.ok


def test_what_was_at_its_work_before_and_is_not_now_is_lost_and_what_was_not_is_not() -> None:
    before = office(CHIEF, Clerk("b"), Clerk("c", silent="refused")).as_data()
    now = office(CHIEF, Clerk("b", listens=False), Clerk("c", silent="refused"))
    assert now.lost(before) == ["b sleeps"]
    assert office(CHIEF, Clerk("b"), Clerk("c", silent="refused")).lost(before) == []


def test_a_leader_that_only_follows_by_now_must_be_fit_again_too() -> None:
    before = office(CHIEF, Clerk("b")).as_data()
    assert office(Clerk("a", silent="starting"), Clerk("b", leads=True)).lost(before) == ["a starting"]
    assert office(Clerk("a"), Clerk("b", leads=True)).lost(before) == []


def test_half_way_between_two_leaders_all_is_lost() -> None:
    before = office(CHIEF, Clerk("b")).as_data()
    assert office(Clerk("a"), Clerk("b")).lost(before) == ["no chief", "a listens", "b listens"]
    assert office(CHIEF, Clerk("b", leads=True)).lost(before) == ["2 chiefs"]


def test_where_somebody_could_take_over_before_somebody_must_be_able_to_again() -> None:
    before = office(CHIEF, Clerk("b"), Clerk("c", never=True)).as_data()
    assert office(Clerk("a", never=True), Clerk("b", leads=True), Clerk("c", never=True)).lost(before) == [
        "a never leads",
        "c never leads",
    ]
    nobody_could = office(CHIEF, Clerk("b", never=True)).as_data()
    assert office(CHIEF, Clerk("b", never=True)).lost(nobody_could) == []


clerks = strategies.builds(
    Clerk,
    strategies.just("x"),
    silent=strategies.sampled_from(["", "", "refused"]),
    leads=strategies.booleans(),
    listens=strategies.booleans(),
    behind=strategies.integers(0, 20),
    never=strategies.booleans(),
    broken=strategies.booleans(),
)


@examples(strategies.lists(clerks, min_size=1, max_size=4), strategies.sampled_from(["", "closed"]))
def test_a_store_is_whole_only_where_one_leads_and_another_could(found: list[Clerk], closed: str) -> None:
    named = [Clerk(**{**vars(one), "name": name}) for one, name in zip(found, "abcd", strict=False)]
    seen = office(*named, closed=closed)
    able = seen.candidates()
    assert seen.leader not in able
    assert set(able) == {name for name in seen.others if seen.why_not(name) is None}
    if not seen.redundancy():
        assert able
        assert seen.leader is not None
        assert not closed
        assert seen.lost(seen.as_data()) == []
    assert bool(seen.nobody()) == (not able or bool(closed))


def _of(there: World, within: float = 5.0) -> tuple[Office, float]:
    async def story() -> tuple[Office, float]:
        clock = asyncio.get_running_loop().time
        began = clock()

        async def look() -> Office:
            return there.seen()

        return await observed(look, within), clock() - began

    return run(story())


def test_a_node_that_stands_still_while_the_leader_goes_on_is_told_and_within_a_second() -> None:
    there = world(Clerk("b", position=90), Clerk("c"))
    there.before = lambda of, look: of.change("a", position=100 + look)
    seen, took = _of(there)
    assert seen.why_not("b") == Lack("b stands still", "see the way to b")
    assert seen.still == {"b", "c"}
    assert 0.5 < took <= 1.0


def test_a_node_that_moves_is_not_told_however_far_it_is() -> None:
    there = world(Clerk("b", position=10))
    there.before = lambda of, look: of.change("b", position=10 + look)
    seen, took = _of(there)
    assert seen.still == frozenset()
    assert took < 0.5


def test_a_store_that_changes_its_leader_meanwhile_is_told_as_it_is_now() -> None:
    def swap(of: World, look: int) -> None:
        if look == 3:
            of.change("a", leads=False)
            of.change("b", leads=True)

    seen, _ = _of(world(Clerk("b", position=90), before=swap))
    assert (seen.leader, seen.still) == ("b", frozenset())


def test_a_node_that_says_nothing_of_its_position_stands_still_behind_one_that_does() -> None:
    seen, _ = _of(world(Clerk("b", position=None)))
    assert seen.still == {"b"}


def test_a_look_is_over_within_the_time_that_it_has() -> None:
    _, took = _of(world(Clerk("b", position=90)), within=0.4)
    assert took <= 0.4
