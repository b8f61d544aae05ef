"""Connections to PostgreSQL that end when they are told to, and what their failures prove."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import asyncpg

from faildrill.adapters.postgres.client import WITHOUT_PASSWORD, NotPostgres, Said, Talk
from faildrill.adapters.postgres.conninfo import Endpoint, Unreadable
from faildrill.adapters.postgres.conninfo import Login as Login
from faildrill.adapters.postgres.driver import Answer, Connection
from faildrill.adapters.postgres.multi_host import ROLE, NotThis, Role, first_fit
from faildrill.adapters.postgres.pooler_session import Session
from faildrill.adapters.postgres.target import Cluster, ClusterMember, Database
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Seen, causes
from faildrill.record.samples import Outcome
from faildrill.toolkit import tls
from faildrill.toolkit.connection_errors import CLOSING, Ending, Silence, outcome_of
from faildrill.toolkit.tls import NoTLS

_LONGEST: Final = 200
"""Characters of a detail."""
_RESOLVING: Final = 1.0
"""Seconds in which a host's name must resolve, where only its node's name depends on it."""
_ROLE_IS_FULL: Final = "InitializeSessionUserId"
"""Where in PostgreSQL's source 53300 is said of one role; elsewhere it is said of all, users too."""
_OF_ITS_ROLE: Final = "too many connections for its role"
_POOLER: Final = (
    ("(max_user_client_connections)", Outcome.THROTTLED, _OF_ITS_ROLE),
    ("(max_db_client_connections)", Outcome.WRONG, causes.FULL),
    ("(max_client_conn)", Outcome.WRONG, causes.FULL),
    ("query_wait_timeout", Outcome.WRONG, "no connection of the pool was free in time"),
    ("server_login_retry", Outcome.WRONG, "the pool was not let in, and waits before it tries again"),
    ("pgbouncer cannot connect to server", Outcome.WRONG, "the pool can't connect to the server"),
)
"""By words in what PgBouncer says, what it proves: its SQLSTATE is 08P01 for nearly all. It speaks English only, and
names no place in a source, as PostgreSQL does. Its limit of one user is the prober's own; others meet users, too."""
_NOT_LET_IN: Final = {
    "InitializeSessionUserId": causes.NO_ROLE,
    "ClientAuthentication": causes.NO_ENTRY,
    WITHOUT_PASSWORD: causes.NO_PASSWORD,
}
"""By where in its source the server said that a log-in was refused; elsewhere it was about user or password."""
_ENDINGS: Final = ("57P01", "57P05")
"""SQLSTATE by which a server ends a session: told to by somebody, or as it idled for too long."""


@cache
def failures() -> tuple[type[Exception], ...]:
    """Return what a server, or a network, can do to us; TimeoutError is an OSError."""
    return (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@cache
def breaks() -> tuple[type[BaseException], ...]:
    """Return what leaves a connection of no more use: a failure, or being cancelled."""
    return (asyncio.CancelledError, *failures())


@cache
def _words() -> tuple[tuple[type[Exception], Outcome, str], ...]:
    """Return what each failure proves: the first class that fits says it; details repeat, as samples number them."""
    return (
        (asyncpg.ReadOnlySQLTransactionError, Outcome.WRONG, "read-only"),
        (asyncpg.AdminShutdownError, Outcome.RESET, "session ended by the server"),
        (asyncpg.CrashShutdownError, Outcome.RESET, "session ended by a crash"),
        (asyncpg.CannotConnectNowError, Outcome.WRONG, "starting or stopping"),
        (asyncpg.TooManyConnectionsError, Outcome.WRONG, causes.FULL),
        (asyncpg.InvalidCatalogNameError, Outcome.WRONG, causes.NO_DATABASE),
        (asyncpg.InsufficientPrivilegeError, Outcome.WRONG, causes.NO_RIGHT),
        (asyncpg.UndefinedTableError, Outcome.WRONG, causes.NO_TABLE),
        (asyncpg.PostgresConnectionError, Outcome.RESET, "connection lost"),
        (asyncpg.InternalClientError, Outcome.WRONG, "not PostgreSQL's protocol"),
        (asyncpg.InterfaceError, Outcome.RESET, "connection lost"),
        (Ending, Outcome.OPEN, CLOSING),
        (NotThis, Outcome.WRONG, "no server is what target_session_attrs asks for"),
        (NoTLS, Outcome.WRONG, causes.NO_TLS),
        (NotPostgres, Outcome.WRONG, "not PostgreSQL's protocol"),
        (UnicodeDecodeError, Outcome.WRONG, "text that is no text"),
    )


def by_users_path(database: Database) -> Login:
    """Return how the users reach a database: through the load balancer, or the pool."""
    login = Login(database.host, database.port or "", database.database, database.user, database.password)
    return login._replace(settings=database.libpq, dsn=database.dsn, names=database.names)


def directly(cluster: Cluster, member: ClusterMember) -> Login:
    """Return how one node of a cluster is reached, past every load balancer."""
    return Login(member.host, member.port, cluster.database, cluster.user, cluster.password, cluster.libpq)


@cache
def _states() -> dict[str, type[Exception]]:
    """Return the driver's own error for each state of a server that our small client is told."""
    return {
        "25006": asyncpg.ReadOnlySQLTransactionError,
        "57P01": asyncpg.AdminShutdownError,
        "57P02": asyncpg.CrashShutdownError,
        "57P03": asyncpg.CannotConnectNowError,
        "53300": asyncpg.TooManyConnectionsError,
        "28000": asyncpg.InvalidAuthorizationSpecificationError,
        "28P01": asyncpg.InvalidPasswordError,
        "3D000": asyncpg.InvalidCatalogNameError,
        "42501": asyncpg.InsufficientPrivilegeError,
        "42P01": asyncpg.UndefinedTableError,
    }


_pooled: Final[dict[tuple[str, int], bool]] = {}
"""Servers that were seen to speak the protocol, so that asyncpg may be let near them, and whether a pooler is there."""


async def _seen_sound(one: Endpoint) -> bool | None:
    """See once in a process that a server speaks the protocol: what breaks frames can crash asyncpg, or hang it.

    Returns whether it is a pooler; None where it answers with an error, and what it is will be seen another time.
    """
    known = _pooled.get((one.host, one.port))
    if known is not None:
        return known
    try:
        talk = await Talk.at(one, "faildrill")
    except Said:
        return None  # an error is an answer, too: asyncpg will get it and say what it proves
    try:
        is_pooled = await talk.is_pooled()
    finally:
        talk.end()
    _pooled[one.host, one.port] = is_pooled
    return is_pooled


async def connect(login: Login, within: float, purpose: str = "faildrill") -> Connection:
    """Open a connection; raises one of `failures()`, or UnresolvedSecret.

    Of the process's surroundings it heeds what libpq's password and service files are called, and nothing else
    (PGOPTIONS, PGTARGETSESSIONATTRS). Behind a pooler it is a session of our own, as asyncpg prepares a statement in
    one transaction and uses it in the next, which another server may serve then.
    """

    async def role(connection: Connection) -> Role:
        return Role.of(*await connection.fetchrow(ROLE))

    async with asyncio.timeout(within):
        return await first_fit(login, lambda one: _connected(one, within, purpose), role, lambda one: one.terminate())


async def _connected(one: Endpoint, within: float, purpose: str) -> Connection:
    secret = one.secret
    # asyncpg takes the name of a certificate from the address that it connects to.
    if await _seen_sound(one) or (one.name not in ("", one.host) and one.must_encrypt):
        return await Session.at(one, purpose)
    options = one.settings.get("options")
    try:
        return await asyncpg.connect(
            host=one.host,
            port=one.port,
            database=one.database,
            user=one.user,
            password=secret,
            ssl=_encrypted(one),
            timeout=within,
            target_session_attrs="any",
            server_settings={"application_name": purpose, **({"options": options} if options else {})},
        )
    except asyncpg.InvalidPasswordError as error:
        if secret is None:  # asyncpg logs in with an empty one then, which the server calls a wrong one
            raise Said("28P01", "it asks for a password, and the login has none", WITHOUT_PASSWORD) from error
        raise
    except ConnectionError as error:
        if "rejected SSL upgrade" in str(error):  # asyncpg has no error of its own for it
            raise NoTLS(f"{one.host}:{one.port} speaks no TLS, and sslmode is {one.mode}") from error
        raise


def _encrypted(one: Endpoint) -> Any:  # noqa: ANN401 - asyncpg takes a context or a word
    """Return what asyncpg is told of TLS: a context, or a word where a server may be without."""
    if one.must_encrypt:
        return one.context()
    return False if one.context() is None else "prefer"


async def ask(connection: Connection, query: str, *values: object) -> Answer:
    """Return the first row that a statement gives.

    Cancelled, it cuts the connection and leaves it at that: asyncpg would open another one to ask the server to
    cancel the statement, and wait for it, which a hung server never answers and a load balancer may send elsewhere.
    """
    work = asyncio.ensure_future(connection.fetchrow(query, *values))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        work.add_done_callback(_forget)
        connection.terminate()
        raise


def _forget(work: "asyncio.Future[Any]") -> None:
    if not work.cancelled():
        work.exception()


async def addresses(cluster: Cluster | None) -> dict[tuple[str, int], str]:
    """Map what nodes call themselves, address and port, to their names; a host that doesn't resolve is left out."""
    by_address: dict[tuple[str, int], str] = {}
    loop = asyncio.get_running_loop()
    for name, member in (cluster.members if cluster else {}).items():
        try:
            async with asyncio.timeout(_RESOLVING):
                resolved = await loop.getaddrinfo(member.host, member.port)
        except OSError:
            continue
        by_address |= {(str(address[0]), member.port): name for *_, address in resolved}
    return by_address


def name_of(nodes: Mapping[tuple[str, int], str], host: str | None, port: int | None) -> str:
    """Return the name of the node that says it is at an address; the address where it is no declared node's."""
    return "" if host is None or port is None else nodes.get((host, port), f"{host}:{port}")


def proven(error: BaseException) -> Seen:
    """Tell what one of `failures()` proves about the server; a login that can't be read proves nothing."""
    if isinstance(error, Unreadable):
        return Seen(Outcome.BROKEN, detail=str(error)[:_LONGEST])
    encrypted = tls.in_words(error) if isinstance(error, ssl.SSLError) else None
    return Seen(Outcome.WRONG, detail=encrypted) if encrypted else _by_a_pooler(error) or _proven(error)


def _by_a_pooler(error: BaseException) -> Seen | None:
    """Tell what an error of PgBouncer's own proves; None of any other."""
    if not isinstance(error, Said | asyncpg.PostgresError) or _said_in(error):
        return None
    return next((Seen(outcome, detail=detail) for words, outcome, detail in _POOLER if words in str(error)), None)


def _proven(error: BaseException) -> Seen:
    known = _states().get(error.sqlstate, Said) if isinstance(error, Said) else type(error)
    if issubclass(known, asyncpg.TooManyConnectionsError) and _said_in(error) == _ROLE_IS_FULL:
        return Seen(Outcome.THROTTLED, detail=_OF_ITS_ROLE)
    if issubclass(known, asyncpg.InvalidAuthorizationSpecificationError):
        return Seen(Outcome.WRONG, detail=_NOT_LET_IN.get(_said_in(error), causes.LOGIN))
    for kind, outcome, words in _words():
        if issubclass(known, kind):
            return Seen(outcome, detail=words)
    if isinstance(error, Said | asyncpg.PostgresError):
        name = "" if isinstance(error, Said) else type(error).__name__
        return Seen(Outcome.WRONG, detail=f"SQLSTATE {getattr(error, 'sqlstate', '?')} {name}".strip())
    if "SSL" in str(error):  # asyncpg's bare ConnectionError: the answer to its first message was no answer
        return Seen(Outcome.WRONG, detail="not PostgreSQL's protocol")
    outcome, words = outcome_of(error) if isinstance(error, OSError) else (Outcome.RESET, "")
    return Seen(outcome, detail="" if outcome is Outcome.RESET else words)


def _said_in(error: BaseException) -> str:
    """Return where in its source the server said an error; empty where it doesn't tell."""
    if isinstance(error, Said):
        return error.routine
    return str(getattr(error, "server_source_function", None) or "")


def is_ending(error: BaseException) -> bool:
    """Tell whether all that came for a question on a kept session is that session's end.

    The server may have ended it before the question came, so that this proves nothing. A crash, told as such, does.
    """
    if isinstance(error, Said):
        return error.sqlstate in _ENDINGS
    if isinstance(error, asyncpg.PostgresError):
        state = getattr(error, "sqlstate", "")
        return state in _ENDINGS or isinstance(error, asyncpg.ConnectionDoesNotExistError)
    return isinstance(error, ConnectionError | asyncpg.InterfaceError) and not isinstance(error, NotPostgres)


def in_words(error: BaseException) -> str:
    """Tell a failure in words for a sentence: `refused`, `timed out`, `refuses user or password`."""
    look = proven(error)
    return look.detail or look.outcome.name.replace("_", " ").lower()


def cause(error: BaseException) -> str:
    """Tell a failure in words for a sentence, and what the server itself said of it."""
    words = str(error).partition(": ")[2] if isinstance(error, Said) else ""
    return f"{in_words(error)} ({words})" if words else in_words(error)


def remedy(error: BaseException, login: Login) -> str:
    """Tell what to do about a failure to log in."""
    if isinstance(error, UnresolvedSecret):
        return "give the secret that it refers to"
    known = causes.what_to_do(in_words(error), login.where, login.user, login.database)
    return known or f"see that it is up at {login.where} and that {login.user} may connect to {login.database}"


def silence(error: BaseException) -> str:
    """Tell why a node told nothing, as `in_words` does, and whether that proves nothing of it."""
    look = proven(error)
    return in_words(error) if look.outcome.is_look else Silence.of(look.outcome, in_words(error))
