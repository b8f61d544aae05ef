"""`kubernetes.endpoints`, and the label selectors that all kinds read."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.adapters.kubernetes.objects import Expression, LabelSelector
from faildrill.adapters.kubernetes.probes import Endpoints
from faildrill.adapters.kubernetes.selectors import means, parsed
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Probe, Seen
from faildrill.record.samples import Outcome
from support.kubernetes_payments import MARK, Payments
from support.liars.kubernetes import Certificates, kubeconfig, lying

GIVEN = CallContext("run-1", 2.0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ca"))


def looked(
    folder: Path, made: Certificates, *changes: Callable[[Payments], object], service: str = "pay", at_least: int = 2
) -> list[Seen]:
    """Look, change something, look again, with one probe."""
    place = Payments()

    async def main() -> list[Seen]:
        async with lying(place.liar, made) as port:
            path = str(kubeconfig(folder, port, made))
            target = Kubernetes(name="c", kubeconfig=path, context="here", marker=MARK, namespaces=["payments"])
            probe = Endpoints(kubernetes=target, namespace="payments", service=service, at_least=at_least)
            await probe.open(GIVEN)
            seen = [await probe.look(GIVEN)]
            for change in changes:
                change(place)
                seen.append(await probe.look(GIVEN))
            await probe.close()
            return seen

    return asyncio.run(main())


def test_who_gets_new_connections_is_told_with_what_ends(tmp_path: Path, certificates: Certificates) -> None:
    before, after = looked(tmp_path, certificates, lambda place: place.end("uid-1"))
    assert (before.outcome, before.who) == (Outcome.OK, "pay-0,pay-1,pay-2")
    assert before.detail == "3 ready, 0 terminating, 0 of these serving; a 1, b 1, c 1"
    assert (after.outcome, after.who) == (Outcome.OK, "pay-0,pay-2")
    assert after.detail == "2 ready, 1 terminating, 1 of these serving; a 1, c 1"


def test_too_few_are_wrong_and_no_slice_is_told(tmp_path: Path, certificates: Certificates) -> None:
    _, after = looked(tmp_path, certificates, lambda place: place.end("uid-1"), at_least=3)
    assert after.outcome is Outcome.WRONG
    [none] = looked(tmp_path, certificates, service="other")
    assert (none.outcome, none.who) == (Outcome.WRONG, "")
    assert "no EndpointSlice" in none.detail


@pytest.mark.parametrize("lie", ["500", "silence", "login page", "403", "close"])
def test_an_api_server_that_does_not_answer_says_nothing_of_the_service(
    tmp_path: Path, certificates: Certificates, lie: str
) -> None:
    _, during, after = looked(
        tmp_path,
        certificates,
        lambda place: place.liar.lies.update(GET=lie),
        lambda place: place.liar.lies.clear(),
    )
    assert during.outcome is Outcome.BROKEN
    assert during.detail.startswith("the API server")
    assert after.outcome is Outcome.OK


def test_it_is_a_probe() -> None:
    assert issubclass(Endpoints, Probe)


@pytest.mark.parametrize(
    ("text", "labels", "does"),
    [
        ("app=pay", {"app": "pay"}, True),
        ("app==pay,tier!=web", {"app": "pay"}, True),
        ("app=pay,tier!=web", {"app": "pay", "tier": "web"}, False),
        ("tier in (web, api)", {"tier": "api"}, True),
        ("tier in (web, api),app", {"tier": "api"}, False),
        ("tier notin (web)", {}, True),
        ("!canary", {"canary": ""}, False),
        ("a.example/role=primary", {"a.example/role": "primary"}, True),
        ("app=", {"app": ""}, True),
        ("app=", {}, False),
    ],
)
def test_a_selector_means_what_kubectl_means(text: str, labels: dict[str, str], *, does: bool) -> None:
    assert parsed(text).matches(labels) is does


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        ",",
        "app=pay,",
        "a b",
        "app~x",
        "in (a)",
        "x in ()",
        "x in (a b)",
        "=x",
        "../x=y",
        "ä=b",
        "a=" + "x" * 64,
    ],
)
def test_a_selector_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"selector|label"):
        parsed(text)


def test_a_selector_of_an_object_matches_nothing_where_there_is_none_and_all_where_it_is_empty() -> None:
    assert not means(None, {"app": "pay"})
    assert means(LabelSelector(), {"app": "pay"})
    assert means(LabelSelector({"app": "pay"}, [Expression("x", "DoesNotExist")]), {"app": "pay"})
    assert not means(LabelSelector({"app": "pay"}, [Expression("x", "Unheard", ["y"])]), {"app": "pay", "x": "y"})
