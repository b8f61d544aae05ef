"""A change is sent once, and what came of it is told by the table of `outcomes`, walked whole on a server that lies."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from faildrill.adapters.kubernetes.client import Api, Untold, Where
from faildrill.adapters.kubernetes.objects import Object
from faildrill.adapters.kubernetes.outcomes import NotSent, Refused, Unknown
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.errors import ActionRefused, OutcomeUnknown
from support.liars.kubernetes import Certificates, Liar, kubeconfig, lying
from unit.adapters.sockets import Serve, serving, silent

WHERE = Where.of("v1", "payments", "pods", "pay-1")
POD = WHERE.path
WITHIN = 1.0
SHORT = 0.25
AFTER = ["close", "silence", "trickle", "half", "login page", "redirect", "another kind"]
REFUSALS = ["400", "401", "403", "404", "409", "410", "422", "429", "budget", "load", "201 failed"]
ERRORS = ["500", "502", "503", "504"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ca"))


def played(folder: Path, made: Certificates, story: Callable[[Liar, Api], Awaitable[None]], lie: Liar) -> None:
    async def main() -> None:
        async with lying(lie, made) as port, asking(folder, port, made) as api:
            await story(lie, api)

    asyncio.run(main())


def asking(folder: Path, port: int, made: Certificates) -> AbstractAsyncContextManager[Api]:
    return Api.open(target(kubeconfig(folder, port, made)), "run-1", WITHIN)


def target(path: Path) -> Kubernetes:
    return Kubernetes(name="c", kubeconfig=str(path), context="here", marker="12345678", namespaces=["payments"])


async def delete(api: Api, within: float = WITHIN) -> None:
    await api.change("DELETE", POD, {"kind": "DeleteOptions"}, within, ("Pod",))


WALKED = [(method, lie) for method in ("DELETE", "POST") for lie in (*AFTER, *ERRORS)]


@pytest.mark.parametrize("when", ["", " before"])
@pytest.mark.parametrize(
    ("method", "lie"), [*WALKED, ("DELETE", "endless"), ("DELETE", "too long"), ("PUT", "close"), ("PATCH", "close")]
)
def test_what_is_open_is_unknown_and_was_sent_once(
    tmp_path: Path, certificates: Certificates, lie: str, method: str, when: str
) -> None:
    async def story(liar: Liar, api: Api) -> None:
        liar.lies[method] = f"{lie}{when}"
        began = time.monotonic()
        with pytest.raises(Unknown):
            await api.change(method, POD, {}, SHORT, ("Pod",))
        assert time.monotonic() - began < SHORT + 0.25
        assert liar.count(method) == 1
        assert liar.effects == (not when)
        assert liar.connections == 1

    played(tmp_path, certificates, story, Liar())


@pytest.mark.parametrize("lie", REFUSALS)
def test_what_is_refused_was_sent_once_and_its_cause_is_told(
    tmp_path: Path, certificates: Certificates, lie: str
) -> None:
    async def story(liar: Liar, api: Api) -> None:
        liar.lies["DELETE"] = f"{lie} before"
        with pytest.raises(Refused) as told:
            await delete(api)
        assert liar.count("DELETE") == 1
        assert told.value.by_budget is (lie == "budget")
        assert told.value.is_passing is (lie in ("429", "budget", "load"))
        assert told.value.wait == (1.0 if lie == "load" else 0.0)

    played(tmp_path, certificates, story, Liar())


def test_what_is_taken_is_told_with_when_it_was(tmp_path: Path, certificates: Certificates) -> None:
    async def story(liar: Liar, api: Api) -> None:
        began = time.monotonic_ns()
        taken = await api.change("DELETE", POD, {"kind": "DeleteOptions"}, WITHIN, ("Pod",))
        assert began <= taken.sent <= taken.answered <= time.monotonic_ns()
        assert taken.body["status"] == "Success"
        assert (liar.count("DELETE"), liar.effects) == (1, 1)

    played(tmp_path, certificates, story, Liar())


def test_what_is_sent_names_the_run(tmp_path: Path, certificates: Certificates) -> None:
    heads: list[bytes] = []

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(certificates.folder / "server.crt", certificates.folder / "server.key")
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trust) as server:
            path = kubeconfig(tmp_path, server.sockets[0].getsockname()[1], certificates)
            async with Api.open(target(path), "run-7", WITHIN) as api:
                with pytest.raises(Unknown):
                    await delete(api)

    asyncio.run(main())
    assert b"User-Agent: faildrill/run-7\r\n" in heads[0]


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("serve", [silent, _plain, None], ids=["silent in the handshake", "no TLS", "nobody"])
def test_without_an_encrypted_connection_nothing_was_sent(
    tmp_path: Path, certificates: Certificates, serve: Serve | None
) -> None:
    async def asked(port: int) -> None:
        async with asking(tmp_path, port, certificates) as api:
            began = time.monotonic()
            with pytest.raises(NotSent, match=r"nothing was sent to https://127\.0\.0\.1"):
                await delete(api, SHORT)
            assert time.monotonic() - began < SHORT + 0.25

    async def main() -> None:
        async with serving(serve or silent) as port:
            if serve is not None:
                await asked(port)
        if serve is None:
            await asked(port)

    asyncio.run(main())


def test_a_server_that_another_authority_has_signed_is_sent_nothing(tmp_path: Path, certificates: Certificates) -> None:
    liar, other = Liar(), Certificates(tmp_path / "other")

    async def main() -> None:
        async with lying(liar, other) as port, asking(tmp_path, port, certificates) as api:
            with pytest.raises(NotSent, match="unknown authority"):
                await delete(api)

    asyncio.run(main())
    assert liar.calls == []


def test_a_refusal_is_an_actions_refusal_and_an_open_outcome_an_actions_unknown() -> None:
    assert issubclass(Refused, ActionRefused)
    assert issubclass(NotSent, ActionRefused)
    assert issubclass(Unknown, OutcomeUnknown)


@pytest.mark.parametrize("lie", ["close", "500", "503", "load", "half"])
def test_a_read_is_made_again_within_its_time(tmp_path: Path, certificates: Certificates, lie: str) -> None:
    async def story(liar: Liar, api: Api) -> None:
        liar.objects[POD] = {"kind": "Pod", "metadata": {"name": "pay-1", "uid": "u1"}}
        liar.lies["GET"] = lie
        asyncio.get_running_loop().call_later(0.3, liar.lies.clear)
        found = await api.read(WHERE, Object, 3.0)
        assert found is not None
        assert found.metadata.uid == "u1"
        assert liar.count("GET") > 1

    played(tmp_path, certificates, story, Liar())


@pytest.mark.parametrize("lie", [*AFTER, *ERRORS, "403", "401", "201 failed"])
def test_a_read_that_nobody_answers_is_no_answer(tmp_path: Path, certificates: Certificates, lie: str) -> None:
    async def story(liar: Liar, api: Api) -> None:
        liar.lies["GET"] = lie
        began = time.monotonic()
        with pytest.raises(Untold):
            await api.read(WHERE, Object, SHORT)
        assert time.monotonic() - began < SHORT + 0.25

    played(tmp_path, certificates, story, Liar())


def test_a_read_of_what_is_not_there_is_told_as_that(tmp_path: Path, certificates: Certificates) -> None:
    async def story(_: Liar, api: Api) -> None:
        assert await api.read(WHERE, Object, WITHIN) is None

    played(tmp_path, certificates, story, Liar())


def test_calls_to_one_server_are_spread_over_time(tmp_path: Path, certificates: Certificates) -> None:
    async def story(liar: Liar, api: Api) -> None:
        liar.objects[POD] = {"kind": "Pod", "metadata": {}}
        began = time.monotonic()
        await asyncio.gather(*(api.read(WHERE, Object, 5.0) for _ in range(30)))
        assert time.monotonic() - began > 0.4  # 20 at once, the others one every 50 ms

    played(tmp_path, certificates, story, Liar())
