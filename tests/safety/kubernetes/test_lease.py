"""The lock that is a Kubernetes Lease, against a small API server of our own."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.adapters.kubernetes.lease import Lease, _Changed
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.secrets import Reference
from support.kubernetes_api import TOKEN, ApiServer
from unit.adapters.sockets import serving

GIVEN = CallContext("run-1", 5.0)
ONE, TWO, THREE = "1" * 16, "2" * 16, "3" * 16


@pytest.fixture
def token(tmp_path: Path) -> Reference:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return Reference(f"file:{path}")


def played(token: Reference, story: Callable[[ApiServer, Callable[[], Lease]], Awaitable[None]]) -> None:
    """Play a story on a server, with as many hosts as it makes."""

    async def main() -> None:
        server = ApiServer()
        async with serving(server.serve) as port:
            await story(
                server,
                lambda: Lease.model_validate(
                    {"server": f"http://127.0.0.1:{port}", "token": token, "namespace": "drills", "lasts": "3s"}
                ),
            )

    asyncio.run(main())


def test_one_shared_fact_keeps_another_host_out_and_tells_who_holds_it(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        here, there = host(), host()
        assert await here.take([ONE, TWO], "ada@here run-1", GIVEN) is None
        assert await there.take([TWO, THREE], "bob@there run-2", GIVEN) == "ada@here run-1"
        assert f"faildrill-{THREE}" not in server.leases
        await here.release()
        assert await there.take([TWO, THREE], "bob@there run-2", GIVEN) is None

    played(token, story)


def test_who_is_refused_gives_back_what_it_had_taken(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        assert await host().take([TWO], "ada@here run-1", GIVEN) is None
        assert await host().take([ONE, TWO], "bob@there run-2", GIVEN) == "ada@here run-1"
        assert server.leases[f"faildrill-{ONE}"]["spec"]["holderIdentity"] == ""

    played(token, story)


def test_of_twenty_hosts_at_once_exactly_one_wins(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        server.pause = 0.05  # so that all have read before the first one writes
        for _ in range(2):  # once to create it, once to take it over
            hosts = [host() for _ in range(20)]
            said = await asyncio.gather(*(one.take([ONE], f"host{n}", GIVEN) for n, one in enumerate(hosts)))
            assert said.count(None) == 1
            await hosts[said.index(None)].release()

    played(token, story)


def test_a_holder_that_is_gone_holds_it_until_its_time_is_over_by_the_servers_clock(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        server.ahead = 86_400.0  # ours doesn't count
        assert await host().take([ONE], "ada@here run-1", GIVEN) is None
        assert await host().take([ONE], "bob@there run-2", GIVEN) == "ada@here run-1"
        server.ahead += 6.0
        assert await host().take([ONE], "bob@there run-2", GIVEN) is None

    played(token, story)


def test_whoever_recovers_a_run_takes_its_lease_over_without_waiting(token: Reference) -> None:
    async def story(_: ApiServer, host: Callable[[], Lease]) -> None:
        assert await host().take([ONE], "ada@here run-1", GIVEN) is None
        assert await host().take([ONE], "ada@here run-1", GIVEN) is None

    played(token, story)


def test_it_is_renewed_while_it_is_held(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        here = host()
        assert await here.take([ONE], "ada@here run-1", GIVEN) is None
        losing = asyncio.create_task(here.lost())
        await asyncio.sleep(1.5)
        assert not losing.done()
        assert server.calls.count(("PUT", 200)) >= 2
        losing.cancel()

    played(token, story)


def test_a_server_that_says_nothing_any_more_loses_it_before_anybody_else_could_take_it(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        here = host()
        assert await here.take([ONE], "ada@here run-1", GIVEN) is None
        server.silent = True
        async with asyncio.timeout(3.0):
            assert "could not be renewed for 2 s" in await here.lost()
        with pytest.raises(CannotSee, match="timed out"):
            await host().take([ONE], "bob", CallContext("run-2", 0.3))

    played(token, story)


def test_a_lease_that_somebody_else_has_written_is_lost(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        here = host()
        assert await here.take([ONE], "ada@here run-1", GIVEN) is None
        server.leases[f"faildrill-{ONE}"]["spec"]["holderIdentity"] = "bob"
        async with asyncio.timeout(3.0):
            assert await here.lost() == "somebody else has written the Lease"

    played(token, story)


FAILED = '{"kind": "Status", "status": "Failure", "code": 409}'


@pytest.mark.parametrize("lie", ["lost after", "500", "504", FAILED, "silent after"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_whose_answer_was_lost_is_sent_once_and_settled_by_reading(
    token: Reference, method: str, lie: str
) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        if method == "PUT":
            before = host()
            assert await before.take([ONE], "bob@there run-2", GIVEN) is None
            await before.release()
        server.calls.clear()
        server.lies[method] = lie
        here = host()
        assert await here.take([ONE], "ada@here run-1", CallContext("run-1", 4.0)) is None
        assert [one for one, _ in server.calls] == ["GET", method, "GET"]
        assert await host().take([ONE], "bob@there run-2", GIVEN) == "ada@here run-1"

    played(token, story)


@pytest.mark.parametrize("lie", ["lost after", "lost before", "504", FAILED, "silent after"])
def test_a_renewal_whose_answer_was_lost_is_not_told_to_be_somebody_elses(token: Reference, lie: str) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        here = host()
        assert await here.take([ONE], "ada@here run-1", GIVEN) is None
        version = int(server.leases[f"faildrill-{ONE}"]["metadata"]["resourceVersion"])
        losing = asyncio.create_task(here.lost())
        for _ in range(3):
            server.lies["PUT"] = lie
            await asyncio.sleep(1.2)
            assert not losing.done()
        losing.cancel()
        kept = int(server.leases[f"faildrill-{ONE}"]["metadata"]["resourceVersion"]) - version
        sent = [one for one, _ in server.calls].count("PUT")
        assert kept == sent - 3 * (lie == "lost before")
        assert ("PUT", 409) not in server.calls

    played(token, story)


def test_a_write_that_nobody_took_up_can_t_be_told_and_is_not_sent_again(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        server.lies["POST"] = "lost before"
        with pytest.raises(CannotSee, match="read again, it is not written"):
            await host().take([ONE], "ada@here run-1", GIVEN)
        assert [one for one, _ in server.calls] == ["GET", "POST", "GET"]

    played(token, story)


def test_a_write_that_came_late_is_ours_and_one_of_somebody_else_is_not(token: Reference) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        here = host()
        assert await here.take([ONE], "ada@here run-1", GIVEN) is None
        read = dict(here._held[f"faildrill-{ONE}"])
        async with here._session(2.0) as session:
            await here._write(session, f"faildrill-{ONE}", read)
            kept = await here._write(session, f"faildrill-{ONE}", read)  # 409: what we had read is no more
            assert kept["spec"]["holderIdentity"] == "ada@here run-1"
            server.leases[f"faildrill-{ONE}"]["spec"]["holderIdentity"] = "bob"
            with pytest.raises(_Changed):
                await here._write(session, f"faildrill-{ONE}", read)

    played(token, story)


@pytest.mark.parametrize("spec", [{}, {"renewTime": "yesterday"}, {"renewTime": None, "leaseDurationSeconds": "long"}])
def test_a_lease_whose_time_can_t_be_read_is_held(token: Reference, spec: dict[str, object]) -> None:
    async def story(server: ApiServer, host: Callable[[], Lease]) -> None:
        lease = {"metadata": {"name": f"faildrill-{ONE}", "resourceVersion": "7"}}
        server.leases[f"faildrill-{ONE}"] = lease | {"spec": {"holderIdentity": "somebody", **spec}}
        assert await host().take([ONE], "ada", GIVEN) == "somebody"

    played(token, story)


def test_a_token_that_opens_nothing_is_told_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("another-token")

    async def story(_: ApiServer, host: Callable[[], Lease]) -> None:
        with pytest.raises(CannotSee, match="answered with 401") as told:
            await host().take([ONE], "ada", GIVEN)
        assert "another-token" not in str(told.value)

    played(Reference(f"file:{path}"), story)


@pytest.mark.parametrize("server", ["http://10.0.0.1:6443", "10.0.0.1:6443", "ftp://x"])
def test_a_token_is_sent_to_no_server_without_tls(server: str) -> None:
    with pytest.raises(ValidationError, match="an https:// URL"):
        Lease(server=server, token=Reference("env:X"), namespace="drills")
