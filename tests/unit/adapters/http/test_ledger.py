"""`http.ledger` against endpoints that answer as told: what each answer proves, and every double charge."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import ValidationError

from faildrill.adapters.http.ledger import Ledger
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.ledger.accounts import Account, accounts
from faildrill.record.samples import Outcome
from unit.adapters.web_server import serving

Story = Callable[[Ledger, CallContext], Awaitable[None]]


@dataclass
class Shop:
    """An endpoint that takes charges, and answers the n-th request as the n-th word says (the last one for all)."""

    how: list[str]
    idempotent: bool = True
    taken: list[str] = field(default_factory=list)
    requests: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            wanted = request.query["prefix"]
            return web.json_response(
                {"data": {"charges": [{"k": one} for one in self.taken if one.startswith(wanted)]}}
            )
        how = self.how[min(self.requests, len(self.how) - 1)]
        self.requests += 1
        key = request.headers["Idempotency-Key"]
        assert (await request.json())["note"] == f"for {key}"
        if how in ("ok", "drop", "stall", "500") and not (self.idempotent and key in self.taken):
            self.taken.append(key)
        if how in ("drop", "drop unwritten"):
            assert request.transport is not None
            request.transport.abort()
        if how == "stall":
            await asyncio.sleep(5)
        status = int(how) if how.isdigit() else 503 if how == "says no" else 201
        return web.Response(
            status=status, text='{"written": "no"}' if how == "says no" else "", headers={"X-Server": "s1"}
        )


def given(folder: Path, timeout: float = 1.0) -> CallContext:
    return CallContext("r1", timeout, 0.1, 4, "charges", folder)


def params(url: str, **more: Any) -> dict[str, Any]:
    return {
        "url": f"{url}/charges",
        "headers": {"Idempotency-Key": "{key}"},
        "json": {"amount": 1, "note": "for {key}"},
        "unwritten": '"written": "no"',
        "back": {"url": f"{url}/charges?prefix={{prefix}}", "keys": "data.charges", "field": "k"},
    } | more


@asynccontextmanager
async def opened(shop: Shop, folder: Path, **more: Any) -> AsyncIterator[Ledger]:
    async with serving(shop.answer) as url:
        ledger = Ledger.model_validate(params(url, **more))
        await ledger.open(given(folder))
        try:
            yield ledger
        finally:
            await ledger.close()


def charged(shop: Shop, folder: Path, times: int = 1, **more: Any) -> tuple[list[Seen], Account]:
    """Look so often, one after the other, read back, and return what was seen and what became of the writes."""

    async def story() -> list[Seen]:
        async with opened(shop, folder, **more) as ledger:
            seen = [await asyncio.wait_for(ledger.look(given(folder)), 1.0) for _ in range(times)]
            answer = await ledger.read_back(given(folder, 5.0))
        rows = cast("dict[str, dict[str, object]]", answer["nodes"])["path"]["rows"]
        assert rows == len(shop.taken)
        return seen

    return asyncio.run(story()), accounts(folder, "charges")["path"]


def test_every_charge_that_was_acknowledged_is_there(tmp_path: Path) -> None:
    seen, account = charged(Shop(["ok"]), tmp_path, times=5)
    assert [(one.outcome, one.who) for one in seen] == [(Outcome.OK, "s1")] * 5
    assert (account.acknowledged, account.lost, account.duplicated, account.strange) == (5, 0, 0, 0)


@pytest.mark.parametrize(
    ("how", "outcome", "rejected", "there"),
    [
        ("402", Outcome.WRONG, 1, 0),
        ("says no", Outcome.WRONG, 1, 0),
        ("409", Outcome.WRONG, 0, 0),
        ("500", Outcome.WRONG, 0, 1),
        ("503", Outcome.WRONG, 0, 0),
        ("drop", Outcome.RESET, 0, 1),
        ("drop unwritten", Outcome.RESET, 0, 0),
        ("stall", Outcome.TIMED_OUT, 0, 1),
    ],
)
def test_an_answer_proves_what_it_says_and_no_more(
    how: str, outcome: Outcome, rejected: int, there: int, tmp_path: Path
) -> None:
    [seen], account = charged(Shop([how]), tmp_path)
    assert seen.outcome == outcome
    assert (account.rejected, account.unknown, account.unknown_there) == (rejected, 1 - rejected, there)
    assert account.lost == account.phantom == 0


def test_a_charge_sent_again_to_a_server_that_applied_it_and_then_hung_up_is_a_double_charge(tmp_path: Path) -> None:
    shop = Shop(["drop", "ok"], idempotent=False)
    [seen], account = charged(shop, tmp_path, tries=2)
    assert seen.outcome == Outcome.OK
    assert (account.acknowledged, account.duplicated) == (1, 1)


def test_the_same_to_a_server_that_knows_its_keys_charges_once(tmp_path: Path) -> None:
    shop = Shop(["drop", "ok"])
    _, account = charged(shop, tmp_path, tries=2)
    assert (shop.requests, account.acknowledged, account.duplicated) == (2, 1, 0)


def test_a_refusal_after_a_try_without_an_answer_proves_nothing(tmp_path: Path) -> None:
    _, account = charged(Shop(["drop", "402"]), tmp_path, tries=2)
    assert (account.rejected, account.unknown, account.unknown_there) == (0, 1, 1)


def test_an_acknowledged_charge_that_is_gone_is_lost(tmp_path: Path) -> None:
    shop = Shop(["ok"])

    async def story() -> None:
        async with opened(shop, tmp_path) as ledger:
            for _ in range(3):
                await ledger.look(given(tmp_path))
            del shop.taken[1]
            await ledger.read_back(given(tmp_path, 5.0))

    asyncio.run(story())
    account = accounts(tmp_path, "charges")["path"]
    assert (account.lost, account.lost_numbers) == (1, (2,))


def test_without_a_connection_nothing_was_sent(tmp_path: Path) -> None:
    async def story() -> Seen:
        ledger = Ledger.model_validate(params("http://127.0.0.1:1"))
        await ledger.open(given(tmp_path))
        try:
            with pytest.raises(CannotSee, match="can't be read back"):
                await ledger.read_back(given(tmp_path, 0.5))
            return await ledger.look(given(tmp_path))
        finally:
            await ledger.close()

    assert asyncio.run(story()).outcome == Outcome.REFUSED
    assert not accounts(tmp_path, "charges")


def test_a_look_for_which_no_writer_is_free_is_skipped_and_one_cut_off_is_unknown(tmp_path: Path) -> None:
    async def story() -> None:
        shop = Shop(["stall"])
        async with opened(shop, tmp_path, writers=1) as ledger:
            hung = asyncio.create_task(asyncio.wait_for(ledger.look(given(tmp_path, 30.0)), 0.2))
            await asyncio.sleep(0.1)
            assert (await ledger.look(given(tmp_path))).outcome == Outcome.SKIPPED
            with pytest.raises(TimeoutError):
                await hung
            await ledger.read_back(given(tmp_path, 5.0))

    asyncio.run(story())
    account = accounts(tmp_path, "charges")["path"]
    assert (account.sent, account.unknown, account.unknown_there) == (1, 1, 1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"headers": {}, "json": {"amount": 1}}, "put {key} where"),
        ({"back": {"url": "http://127.0.0.1:1/charges"}}, "holds {prefix}"),
        ({"back": {"url": "ftp://127.0.0.1/{prefix}"}}, "a URL looks like"),
    ],
)
def test_a_ledger_that_could_not_be_read_back_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Ledger.model_validate(params("http://127.0.0.1:1", **wrong))


def test_an_answer_that_holds_no_keys_can_not_be_seen(tmp_path: Path) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps({"data": {"charges": 7}}))

    async def story() -> None:
        async with serving(other) as url:
            ledger = Ledger.model_validate(params(url))
            (tmp_path / "charges.ledger").touch()
            with pytest.raises(CannotSee, match="no list of keys"):
                await ledger.read_back(given(tmp_path, 5.0))

    asyncio.run(story())


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_charge_whose_answer_was_lost_is_not_sent_again_beneath_the_ledger(tmp_path: Path, method: str) -> None:
    async def story() -> Seen:
        async with opened(shop, tmp_path, method=method) as ledger:
            return await ledger.look(given(tmp_path))

    shop = Shop(["drop", "ok"], idempotent=False)
    assert asyncio.run(story()).outcome is Outcome.RESET
    assert len(shop.taken) == shop.requests == 1
