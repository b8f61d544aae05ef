"""P11: whatever is not provably the declared place is refused; a mutated, torn, late or missing answer never agrees."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from faildrill.acting.call import call
from faildrill.adapters.postgres.identity import Identity, Marker
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds.call_context import CallContext
from unit.adapters.sockets import Serve, serving, silent
from unit.guarding.postgres_says import Says, message, says_marker, says_text

SYSTEM = "7412345678901234567"
UID = "3f2a9c41-aa17-4d5e-9f0b-b6b2a7f0c1de"
SHORT = 0.25
SEED = 20261122


def cluster(port: int) -> Cluster:
    member = ClusterMember(name="pg1", api="http://127.0.0.1:1", host="127.0.0.1", port=port)
    return Cluster(name="payments", scope="payments", user="u", members={"pg1": member})


class Server:
    """One server whose answer is changed from look to look."""

    def __init__(self) -> None:
        self.answer: Serve = silent

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return


class Torn(Says):
    """Says what it is told, with some bytes of the value broken: flipped, cut off, or garbage.

    Or with any byte of the whole answer broken, the frames themselves among them.
    """

    def __init__(self, truth: Says, dice: random.Random) -> None:
        super().__init__(truth.types, truth.rows)
        self._dice = dice

    def _reply(self, kind: bytes) -> bytes:
        whole = super()._reply(kind)
        if kind != b"Q":
            return whole
        start = whole.index(self.rows[0][-1] or b"")
        length = len(self.rows[0][-1] or b"")
        at = start + self._dice.randrange(length)
        match self._dice.choice(["flip", "cut", "garbage", "frame"]):
            case "cut":
                return whole[:at]
            case "garbage":
                return whole[:start] + self._dice.randbytes(length) + whole[start + length :]
            case "frame":
                head = self._dice.choice([0, start - 11, start - 8, start - 4])  # of a frame, of a row, of its value
                return whole[:head] + self._dice.randbytes(4) + whole[head + 4 :][: self._dice.choice([0, 3, 10_000])]
        return whole[:at] + bytes([whole[at] ^ (1 << self._dice.randrange(8))]) + whole[at + 1 :]


def mutated(text: str, dice: random.Random) -> str:
    """Return a text that differs from the given one in a small way."""
    at = dice.randrange(len(text))
    ways: list[Callable[[], str]] = [
        lambda: text[:at] + text[at + 1 :],
        lambda: text[:at] + dice.choice("0123456789abcdef-") + text[at + 1 :],
        lambda: text[:at] + dice.choice("0123456789") + text[at:],
        lambda: text[:at],
        lambda: text[at:] + text[:at],
        lambda: text + dice.choice(" \n\0x0"),
        lambda: dice.choice(" \t+-0") + text,
        text.swapcase,
        lambda: "",
    ]
    while (other := dice.choice(ways)()) == text:
        pass
    return other


def wrong_system(dice: random.Random) -> Serve:
    """Answer the question for the system identifier with anything but it."""
    truth = says_text(SYSTEM.encode())
    ways: list[Callable[[], Serve]] = [
        lambda: says_text(mutated(SYSTEM, dice).encode()),
        lambda: says_text(None),
        says_text,
        lambda: Torn(truth, dice),
    ]
    return dice.choice(ways)()


def wrong_marker(dice: random.Random) -> Serve:
    """Answer the question for the marker with anything but one drillable row of that name."""
    uid = UID.encode()
    ways: list[Callable[[], Serve]] = [
        lambda: says_marker(1, drillable=True, uid=mutated(UID, dice).encode()),
        lambda: says_marker(dice.choice([0, 2, 3, -1, 10**6]), drillable=True, uid=uid),
        lambda: says_marker(1, drillable=dice.choice([False, None]), uid=uid),
        lambda: says_marker(1, drillable=True, uid=None),
    ]
    return dice.choice(ways)()


async def as_the_engine_asks(guard: Identity | Marker, within: float) -> str | None:
    """Ask as guarding does: what breaks in the guard, or in its driver, objects."""
    try:
        return await call(guard.objection(CallContext("run-1", within)), within)
    except (ActionError, CannotSee) as error:
        return f"could not be answered: {error}"


async def objections(
    wrong: Callable[[random.Random], Serve], guard: str, count: int, within: float = SHORT
) -> list[str | None]:
    """Ask `count` times, each time somebody who is not the declared place."""
    dice = random.Random(SEED)  # noqa: S311 - nothing to keep secret
    place = Server()
    said: list[str | None] = []
    async with serving(place) as port:
        asks = (
            Identity(cluster=cluster(port), system_identifier=SYSTEM)
            if guard == "identity"
            else Marker(cluster=cluster(port), uid=UID)
        )
        for _ in range(count):
            place.answer = wrong(dice)
            said.append(await as_the_engine_asks(asks, within))
    return said


@pytest.mark.parametrize(("wrong", "guard"), [(wrong_system, "identity"), (wrong_marker, "marker")])
def test_no_mutated_identity_is_ever_taken_for_the_declared_one(
    wrong: Callable[[random.Random], Serve], guard: str, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(80, 5_000)
    said = asyncio.run(objections(wrong, guard, count))
    allowed = sum(one is None for one in said)
    figure(f"P11: {allowed} of {count} mutated answers to {guard} allowed, seed {SEED}")
    assert allowed == 0


@pytest.mark.parametrize("guard", ["identity", "marker"])
def test_the_declared_identity_itself_is_allowed(guard: str) -> None:
    truth = says_text(SYSTEM.encode()) if guard == "identity" else says_marker(1, drillable=True, uid=UID.encode())
    assert asyncio.run(objections(lambda _: truth, guard, 3, 5.0)) == [None] * 3


async def _one_byte_a_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    while True:
        writer.write(b"N")
        await writer.drain()
        await asyncio.sleep(0.3)


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.write(b"N")
    await reader.read(100)
    while not writer.is_closing():
        writer.write(message(b"S", b"ab\0\0") * 1000)
        await writer.drain()


async def _closing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


@pytest.mark.parametrize("serve", [silent, _one_byte_a_second, _endless, _closing])
def test_a_place_that_does_not_answer_is_refused_in_time(serve: Serve) -> None:
    async def story() -> tuple[str | None, float]:
        async with serving(serve) as port:
            guard = Identity(cluster=cluster(port), system_identifier=SYSTEM)
            before = time.monotonic()
            return await guard.objection(CallContext("run-1", 0.5)), time.monotonic() - before

    said, took = asyncio.run(story())
    assert "did not prove what it is" in str(said)
    assert took < 10
