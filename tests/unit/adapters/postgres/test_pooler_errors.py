"""What PgBouncer says of itself is told apart: whether users meet it, too, and in words."""

import asyncpg
import pytest

from faildrill.adapters.postgres.client import Said
from faildrill.adapters.postgres.sessions import proven
from faildrill.record.samples import Outcome


def told_by_asyncpg(sqlstate: str, words: str, routine: str | None = None) -> asyncpg.PostgresError:
    fields = {"S": "FATAL", "C": sqlstate, "M": words} | ({"R": routine} if routine else {})
    error = asyncpg.PostgresError.new(fields)
    assert isinstance(error, asyncpg.PostgresError)
    return error


@pytest.mark.parametrize(
    ("words", "outcome", "detail"),
    [
        (
            "client connections exceeded (max_user_client_connections)",
            Outcome.THROTTLED,
            "too many connections for its role",
        ),
        ("client connections exceeded (max_db_client_connections)", Outcome.WRONG, "too many connections"),
        ("no more connections allowed (max_client_conn)", Outcome.WRONG, "too many connections"),
        ("query_wait_timeout", Outcome.WRONG, "no connection of the pool was free in time"),
        (
            "server login has been failing, try again later (server_login_retry)",
            Outcome.WRONG,
            "the pool was not let in, and waits before it tries again",
        ),
        ("pgbouncer cannot connect to server", Outcome.WRONG, "the pool can't connect to the server"),
    ],
)
@pytest.mark.parametrize("sqlstate", ["08P01", "53300"])
def test_what_a_pooler_says_is_told_apart(sqlstate: str, words: str, outcome: Outcome, detail: str) -> None:
    for error in (Said(sqlstate, words), told_by_asyncpg(sqlstate, words)):
        assert (proven(error).outcome, proven(error).detail) == (outcome, detail)


def test_what_a_server_says_in_the_same_words_is_its_own() -> None:
    """A role may be called max_user_client_connections, and PostgreSQL says where it said so."""
    words = 'permission denied for "(max_user_client_connections)"'
    for error in (Said("42501", words, "aclcheck_error"), told_by_asyncpg("42501", words, "aclcheck_error")):
        assert proven(error).outcome is Outcome.WRONG
