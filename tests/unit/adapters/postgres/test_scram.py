"""SCRAM by hand: which bytes of a password are hashed, and what a server may ask for."""

import base64

import pytest

from faildrill.adapters.postgres.scram import Scram, prepared


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        # The examples of RFC 4013, 3; what it forbids PostgreSQL takes as it stands.
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0007", "\u0007"),
        ("\u06271", "\u06271"),
        # And what PostgreSQL 18.6 was seen to take, with libpq's client and with this one.
        ("a\u00a0b", "a b"),
        ("a\u200bb", "a b"),
        ("\ufb01x", "fix"),
        ("\ufb01\u0007x", "\ufb01\u0007x"),
        ("\ufb01\u0221", "\ufb01\u0221"),
        ("\u0627a", "\u0627a"),
        ("\u00ad", "\u00ad"),
        ("a\u0007", "a\u0007"),
    ],
)
def test_a_password_is_hashed_as_the_server_hashes_it(password: str, hashed: str) -> None:
    assert prepared(password) == hashed.encode()


@pytest.mark.parametrize("rounds", [0, -1, 200_001, 10_000_000])
def test_a_server_may_not_keep_the_process_busy(rounds: int) -> None:
    exchange = Scram("secret")
    nonce = exchange.first().decode().partition("r=")[2]
    salt = base64.b64encode(b"salt").decode()
    with pytest.raises(ValueError, match="not right"):
        exchange.second(f"r={nonce}more,s={salt},i={rounds}")


def test_a_server_that_does_not_go_on_with_our_number_is_not_answered() -> None:
    with pytest.raises(ValueError, match="not right"):
        Scram("secret").second("r=another,s=c2FsdA==,i=4096")


def test_a_server_is_not_believed_before_it_proved_that_it_knows_the_password() -> None:
    exchange = Scram("secret")
    assert not exchange.is_right("v=c2FsdA==")
