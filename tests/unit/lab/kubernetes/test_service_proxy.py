"""Which endpoints new connections go to, from slices as the API has them."""

from typing import Any

from faildrill.lab.kubernetes.service_proxy import endpoints


def a_slice(*told: Any, port: int = 8080) -> dict[str, Any]:
    return {
        "ports": [{"port": port}],
        "endpoints": [{"addresses": [address], "conditions": conditions} for address, conditions in told],
    }


READY = {"ready": True, "serving": True, "terminating": False}
ENDING = {"ready": False, "serving": True, "terminating": True}
DOWN = {"ready": False, "serving": False, "terminating": False}


def test_what_is_ready_is_served_and_nothing_else() -> None:
    told = a_slice(("10.64.1.2", READY), ("10.64.2.2", DOWN), ("10.64.3.2", ENDING))
    assert endpoints([told]) == {("10.64.1.2", 8080)}


def test_where_nothing_is_ready_what_still_serves_as_it_ends_is_served() -> None:
    assert endpoints([a_slice(("10.64.2.2", DOWN), ("10.64.3.2", ENDING))]) == {("10.64.3.2", 8080)}


def test_every_slice_counts() -> None:
    told = [a_slice(("10.64.1.2", READY)), a_slice(("10.64.2.2", READY), port=8081)]
    assert endpoints(told) == {("10.64.1.2", 8080), ("10.64.2.2", 8081)}


def test_a_slice_without_endpoints_or_ports_has_none() -> None:
    assert endpoints([{"endpoints": None, "ports": None}, {}]) == set()


def test_an_endpoint_of_which_nothing_is_said_is_ready() -> None:
    assert endpoints([a_slice(("10.64.1.2", {}))]) == {("10.64.1.2", 8080)}
