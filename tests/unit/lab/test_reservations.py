import socket

import pytest

from faildrill.lab.core.port_reservations import LOOPBACK, Reservations


@pytest.fixture
def reservations() -> Reservations:
    return Reservations()


def test_a_purpose_has_one_port(reservations: Reservations) -> None:
    assert reservations.port("pg1") == reservations.port("pg1")
    assert reservations.port("pg1") != reservations.port("pg2")
    reservations.close()


def test_a_server_can_listen_on_a_reserved_port_again_and_again(reservations: Reservations) -> None:
    port = reservations.port("pg1")
    for _ in range(2):
        with socket.create_server((LOOPBACK, port)), socket.create_connection((LOOPBACK, port), 1):
            pass
    reservations.close()


def test_a_reserved_port_refuses_while_nobody_listens(reservations: Reservations) -> None:
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect((LOOPBACK, reservations.port("pg1")))
    reservations.close()


def test_a_reserved_port_is_never_given_to_who_asks_for_any_port() -> None:
    labs = [Reservations() for _ in range(20)]
    ports = [lab.port(str(number)) for lab in labs for number in range(20)]
    assert len(set(ports)) == 400
    for lab in labs:
        lab.close()


def test_a_server_that_wants_a_port_for_itself_does_not_get_a_reserved_one(reservations: Reservations) -> None:
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, reservations.port("pg1")))
    reservations.close()
