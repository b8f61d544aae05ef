"""What came of a call: the table of outcomes, walked against a server that answers each way."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from faildrill.adapters.aws.call_outcomes import Call, NotSent, Refused, Unknown, Untold
from faildrill.adapters.aws.client import act, read
from safety.aws.rds_api import ANSWERS, account, on_a_loop

FAILOVER = Call("rds", "failover_db_cluster", {"DBClusterIdentifier": "payments"}, "DBCluster")
LOOK = Call("rds", "describe_db_clusters", {"DBClusterIdentifier": "payments"}, "DBClusters")
TAKEN = (
    b"<FailoverDBClusterResponse><FailoverDBClusterResult><DBCluster><DBClusterIdentifier>payments"
    b"</DBClusterIdentifier></DBCluster></FailoverDBClusterResult></FailoverDBClusterResponse>"
)

WHO = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/drills</Arn>"
    b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def error(code: str, message: str = "no", status: int = 400) -> bytes:
    said = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return http(status, said.encode())


@contextlib.asynccontextmanager
async def answering(answer: bytes, pace: float = 0.0, hold: float = 0.0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve an answer, a byte at a time where there is a pace; gives the port, and the heads of the requests.

    STS answers as it should, and is not counted.
    """
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer.transport):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/sts/aws4_request" in head:
                writer.write(http(200, WHO))
                return
            heads.append(head)
            for piece in [answer] if not pace else [bytes([byte]) for byte in answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pace)
            await asyncio.sleep(hold)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heads


TABLE = {
    "taken": (http(200, TAKEN), None, ""),
    "refused: the state": (error("InvalidDBClusterStateFault"), Refused, "InvalidDBClusterStateFault"),
    "refused: no such one": (error("DBClusterNotFoundFault", status=404), Refused, "DBClusterNotFoundFault"),
    "refused: throttled": (error("Throttling"), Refused, "look less often"),
    "refused: no right": (
        error("AccessDenied", "User: arn:aws:sts::1:assumed-role/r/me is not authorized", 403),
        Refused,
        "AccessDenied: this login is not authorized (allow rds:FailoverDBCluster in the policy of this login)",
    ),
    "refused: by an SCP": (
        error("AccessDenied", "x with an explicit deny in y", 403),
        Refused,
        "service control policy",
    ),
    "refused: expired": (error("ExpiredToken", status=403), Refused, "log in again"),
    "refused: the clock": (error("RequestTimeTooSkewed", status=403), Refused, "set this machine's clock"),
    "unknown: 500": (ANSWERS["500"], Unknown, "an answer of 500"),
    "unknown: 503": (ANSWERS["503"], Unknown, "an answer of 503"),
    "unknown: 500 with a code": (error("InternalFailure", status=500), Unknown, "an answer of 500"),
    "unknown: closed": (b"", Unknown, "the connection ended"),
    "unknown: half": (ANSWERS["half"], Unknown, "cut off"),
    "unknown: half a head": (b"HTTP/1.1 200 OK\r\nCont", Unknown, ""),
    "unknown: garbage": (b"hello\r\n\r\n", Unknown, "no answer of HTTP"),
    "unknown: HTML": (ANSWERS["html"], Unknown, ""),
    "unknown: a login page of somebody on the way": (ANSWERS["login page"], Unknown, "an answer of 403"),
    "unknown: a redirect": (
        b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        Unknown,
        "an answer of 302",
    ),
    "unknown: another answer": (http(200, b"<A><FailoverDBClusterResult/></A>"), Unknown, "does not say DBCluster"),
    "unknown: no result": (http(200, b"<A><B/></A>"), Unknown, ""),
    "unknown: endless": (http(200, b"x" * (5 << 20)), Unknown, "longer than 4 MB"),
}


@pytest.mark.parametrize("row", TABLE)
@on_a_loop
async def test_each_answer_comes_to_what_the_table_says_and_nothing_is_sent_twice(row: str) -> None:
    answer, outcome, words = TABLE[row]
    async with answering(answer) as (port, heads):
        if outcome is None:
            assert (await act(account(port), FAILOVER, 5.0)).data["DBCluster"]["DBClusterIdentifier"] == "payments"
        else:
            with pytest.raises(outcome) as raised:
                await act(account(port), FAILOVER, 5.0)
            assert words in str(raised.value)
            assert raised.type is outcome
        assert len(heads) == 1


@pytest.mark.parametrize(
    ("answer", "pace", "hold"), [(b"", 0.0, 9.0), (http(200, TAKEN), 0.2, 0.0)], ids=["silence", "a byte at a time"]
)
@on_a_loop
async def test_a_call_ends_at_its_deadline_and_is_unknown(answer: bytes, pace: float, hold: float) -> None:
    async with answering(answer, pace, hold) as (port, heads):
        await act_once(port)  # botocore is loaded before the time is taken
        heads.clear()
        began = time.monotonic()
        with pytest.raises(Unknown, match="timed out: whether it was done is open"):
            await act(account(port), FAILOVER, 0.5)
        assert 0.5 <= time.monotonic() - began < 0.75
        assert len(heads) == 1


async def act_once(port: int) -> None:
    with contextlib.suppress(Unknown):
        await act(account(port), FAILOVER, 0.3 if port else 1.0)


@on_a_loop
async def test_nothing_was_sent_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent, match="nothing was sent: refused"):
            await act(account(free.getsockname()[1]), FAILOVER, 5.0)


@on_a_loop
async def test_nothing_was_sent_where_what_listens_speaks_no_tls() -> None:
    async with answering(b"HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n") as (port, heads):
        with pytest.raises(NotSent, match="nothing was sent"):
            await act(account(port, endpoint_url=f"https://127.0.0.1:{port}"), FAILOVER, 5.0)
        assert heads == []


@on_a_loop
async def test_nothing_was_sent_where_a_parameter_is_wrong_or_nobody_knows_the_login(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answering(http(200, TAKEN)) as (port, heads):
        with pytest.raises(NotSent, match="DBClusterIdentifier"):
            await act(account(port), FAILOVER._replace(parameters={}), 5.0)
        monkeypatch.delenv("DRILLS_SECRET")
        with pytest.raises(NotSent, match="DRILLS_SECRET"):
            await act(account(port, name="nobody"), FAILOVER, 5.0)
        assert heads == []


@on_a_loop
async def test_what_the_shell_says_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = {
        "AWS_ENDPOINT_URL_RDS": "http://127.0.0.1:9/",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9/",
        "AWS_PROFILE": "nobody",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "7",
        "AWS_RETRY_MODE": "legacy",
        "AWS_ACCESS_KEY_ID": "AKIAOFTHESHELL",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "HTTP_PROXY": "http://127.0.0.1:9/",
        "http_proxy": "http://127.0.0.1:9/",
    }
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    async with answering(ANSWERS["500"]) as (port, heads):
        with pytest.raises(Unknown):
            await act(account(port, name="shell"), FAILOVER, 5.0)
        assert len(heads) == 1
        assert b"AKIADRILLSDRILLS1234" in heads[0]
        assert b"/eu-central-1/rds/" in heads[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ANSWERS["html"], "that is not AWS's"),
        (http(200, b"<A><DescribeDBClustersResult/></A>"), "is not AWS's"),
        (error("AccessDenied", status=403), "allow rds:DescribeDBClusters"),
        (b"", "the connection ended"),
    ],
)
@on_a_loop
async def test_a_question_that_is_not_answered_is_never_taken_for_an_answer(answer: bytes, words: str) -> None:
    async with answering(answer) as (port, _):
        with pytest.raises(Untold, match=words):
            await read(account(port), LOOK, 3.0)


@on_a_loop
async def test_questions_beyond_five_a_second_wait_and_say_so_where_they_cannot() -> None:
    busy = account(1, account="210987654321", calls_per_second=5)
    for _ in range(5):
        with pytest.raises(Untold, match="refused"):
            await read(busy, LOOK, 9.0)
    with pytest.raises(Untold, match="look less often") as raised:
        await read(busy, LOOK, 0.05)
    assert raised.value.is_throttled
