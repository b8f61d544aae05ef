"""Addresses of the API and of this machine: one mapping, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faildrill.lab.kubernetes import addresses

NUMBERS = st.integers(0, 255)


@given(st.sampled_from([63, 64, 96]), NUMBERS, NUMBERS)
def test_what_is_told_and_where_it_listens_are_each_others(network: int, third: int, last: int) -> None:
    told = f"10.{network}.{third}.{last}"
    assert addresses.listening(told) == f"127.{network}.{third}.{last}"
    assert addresses.told(addresses.listening(told)) == told


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "10.64.1.2", "127.65.1.2", "", "nonsense"])
def test_what_does_not_listen_in_the_lab_has_no_address_there(address: str) -> None:
    with pytest.raises(ValueError, match="no address of the lab"):
        addresses.told(address)


def test_pods_nodes_and_the_api_have_addresses_of_their_own() -> None:
    pods = {addresses.pod(node, number) for node in (1, 2, 3) for number in range(2, 255)}
    others = {addresses.node(1), addresses.node(2), addresses.node(3), addresses.API, addresses.PAYMENTS}
    assert len(pods) == 3 * 253
    assert len(others) == 5
    assert not pods & others
