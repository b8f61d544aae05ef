"""docs/leader-store.md: the store of the page is written out and run, against its own servers and against liars."""

import asyncio
import importlib.util
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from faildrill.errors import ActionFailed, ActionRefused
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome

PAGE: Final = Path(__file__).parents[3] / "docs" / "leader-store.md"
FILES: Final = re.compile(r"^`([\w./-]+)`\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    """The modules of the page; a file that comes in parts is all of them, one after the other."""
    folder, texts = tmp_path_factory.mktemp("page"), dict[str, str]()
    for name, text in FILES.findall(PAGE.read_text(encoding="utf-8")):
        texts[name] = texts.get(name, "") + "\n\n" + text
    modules = {}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        called = f"page_{Path(name).stem}"
        spec = importlib.util.spec_from_file_location(called, folder / name)
        assert spec is not None
        assert spec.loader is not None
        modules[Path(name).stem] = sys.modules[called] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[Path(name).stem])
    yield modules
    for name in modules:
        del sys.modules[f"page_{name}"]


class Lab:
    """Servers of the page, by name, and the tally that is declared of them."""

    def __init__(self, tally: Any, servers: dict[str, Any]) -> None:  # noqa: ANN401 - classes of the page
        self.tally = tally
        self.servers = servers


@asynccontextmanager
async def serving(written: dict[str, ModuleType], **roles: str) -> AsyncIterator[Lab]:
    async with AsyncExitStack() as stack:
        servers = {name: written["tally_server"].Server(role) for name, role in roles.items()}
        members = {}
        for name, server in servers.items():
            listening = await stack.enter_async_context(await asyncio.start_server(server.serve, "127.0.0.1", 0))
            port = listening.sockets[0].getsockname()[1]
            members[name] = written["tally"].TallyMember(name=name, host="127.0.0.1", port=port)
        yield Lab(written["tally"].Tally(name="votes", members=members), servers)


GIVEN: Final = CallContext("r", 5.0)


def look(written: dict[str, ModuleType], kind: str, **roles: str) -> Seen:
    async def story() -> Seen:
        async with serving(written, **roles) as lab:
            seen: Seen = await getattr(written["tally"], kind)(tally=lab.tally).look(GIVEN)
            return seen

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("roles", "seen"),
    [
        ({"t1": "leads", "t2": "follows t1"}, ""),
        ({"t1": "leads", "t2": "leads"}, "2 leaders"),
        ({"t1": "follows t2", "t2": "follows t1"}, "no leader; t1 follows; t2 follows"),
        ({"t1": "leads", "t2": "reads"}, "t2 garbage"),
        ({"t1": "leads", "t2": "follows t9"}, "t2 follows t9"),
        ({"t1": "leads"}, "only one member is declared"),
    ],
    ids=["whole", "two", "none", "garbage", "astray", "alone"],
)
def test_the_pages_probe_is_good_for_a_store_that_could_lose_its_leader_and_for_no_liar(
    written: dict[str, ModuleType], roles: dict[str, str], seen: str
) -> None:
    told = look(written, "Redundancy", **roles)
    assert (told.outcome, told.detail) == (Outcome.WRONG if seen else Outcome.OK, seen)


def test_the_pages_probe_of_the_writers_names_both_of_two(written: dict[str, ModuleType]) -> None:
    assert look(written, "Writers", t1="leads", t2="follows t1").who == "t1"
    told = look(written, "Writers", t1="leads", t2="leads", t3="follows t1")
    assert (told.outcome, told.who) == (Outcome.WRONG, "t1,t2")


def test_the_page_hands_over_and_back(written: dict[str, ModuleType]) -> None:
    async def story() -> None:
        async with serving(written, t1="leads", t2="follows t1", t3="follows t1") as lab:
            action = written["tally"].Promote(tally=lab.tally)
            before = await action.capture(GIVEN)
            assert not (await action.confirm(before, GIVEN)).holds
            assert await action.apply(before, GIVEN) == {"from": "t1", "to": "t2"}
            assert (await action.confirm(before, GIVEN)).because == "t2 leads, t1 did"
            assert not (await action.restored(before, GIVEN)).holds
            await action.undo(before, GIVEN)
            assert (await action.restored(before, GIVEN)).because == "t1 leads again"
            told = await written["tally"].Servers(target=lab.tally).examine(GIVEN)
            assert [one.told for one in told] == ["t1 leads; t2, t3 could take over"]

    asyncio.run(story())


def test_a_server_that_says_it_leads_and_hears_nothing_is_not_handed_over_from(
    written: dict[str, ModuleType],
) -> None:
    async def story() -> None:
        async with serving(written, t1="leads", t2="follows t1") as lab:
            action = written["tally"].Promote(tally=lab.tally)
            before = await action.capture(GIVEN)
            lab.servers["t1"].role = "leads"  # whatever it is told
            lab.servers["t2"].role = "leads"
            assert not (await action.confirm(before, GIVEN)).holds
            lab.servers["t1"].role = lab.servers["t2"].role = "follows nobody"
            with pytest.raises(ActionFailed, match="does not get fit to lead again; nothing was sent"):
                await action.undo(before, CallContext("r", 1.0))

    asyncio.run(story())


def test_the_page_refuses_to_take_the_last_one_that_could_lead(written: dict[str, ModuleType]) -> None:
    async def story() -> str:
        async with serving(written, t1="leads", t2="follows t1") as lab:
            lab.servers["t2"].count = 100
            with pytest.raises(ActionRefused) as told:
                await written["tally"].LoseLeader(tally=lab.tally).capture(GIVEN)
            return str(told.value)

    assert asyncio.run(story()) == (
        "votes/t1 is the last healthy server, it is not taken: t2 is behind (do: wait until it has caught up)"
    )
