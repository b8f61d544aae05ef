"""Why a server could not be used, in words that repeat from look to look, and what to do about each.

One vocabulary for every adapter, so that a doctor, a guard, and a probe whose warm-up is refused say the same of the
same cause. The words stand in samples and are counted by them, so they name no host and no user; what to do may.
"""

from typing import Final

NO_NAME: Final = "the name does not resolve"
NO_RESOLVER: Final = "the resolver does not answer for the name"
REFUSED: Final = "refused"
TIMED_OUT: Final = "timed out"
RESET: Final = "reset"
UNREACHABLE: Final = "unreachable"
LOGIN: Final = "refuses user or password"
NO_PASSWORD: Final = "wants a password"  # noqa: S105 - words
NO_ROLE: Final = "knows no such user, or one that may not log in"
NO_ENTRY: Final = "no line of its pg_hba.conf lets this user in"
NO_HOST: Final = "does not let this host in"
NO_DATABASE: Final = "no such database"
NO_RIGHT: Final = "lacks a right"
NO_TABLE: Final = "no such table"
NO_TLS: Final = "speaks no TLS"
WANTS_TLS: Final = "wants TLS"
FULL: Final = "too many connections"
GARBAGE: Final = "garbage"

_REMEDIES: Final = {
    NO_NAME: "correct the host's name, or let this machine know it: `getent hosts {host}` must print its address",
    NO_RESOLVER: (
        "see that the servers in /etc/resolv.conf can be reached from here: `getent hosts {host}` must answer at once"
    ),
    "questions about": "see that the servers in /etc/resolv.conf can be reached from here",
    LOGIN: "see that {user} exists there and that `password` is that user's",
    NO_PASSWORD: "give the login its `password`: env:NAME, or file:PATH",
    NO_ROLE: "correct `user`, or create it there: CREATE ROLE {user} LOGIN",
    NO_ENTRY: "add a line for {user} and {database} to pg_hba.conf there, and reload it; hostssl needs TLS",
    NO_HOST: "let {user} log in from this host: CREATE USER {user}@'HOST'",
    NO_DATABASE: "correct `database`, or create {database} there",
    NO_RIGHT: "grant {user} what it lacks in {database}; the server's log names it",
    NO_TABLE: "create the table in {database}",
    NO_TLS: "turn TLS on at {where}, or ask it without: `tls: false`, sslmode=prefer, or http://",
    WANTS_TLS: "ask it with TLS: `tls: true`, sslmode=require, or https://",
    "certificate of an unknown authority": "name the authority that signed it: `ca`, or sslrootcert",
    "certificate signed by itself": "name that certificate as the authority: `ca`, or sslrootcert",
    "certificate for another name": "declare the host by the name that its certificate is for",
    "certificate has expired": "renew the certificate of {where}",
    "certificate file unreadable": "let this user read the files that `ca` and `certificate` name",
    "refuses our certificate": "give a certificate that {where} trusts: `certificate` and `certificate_key`",
    FULL: "raise its limit of connections, or end some: {where} takes no more",
    "not PostgreSQL's protocol": "correct host and port: something else than PostgreSQL listens at {where}",
    "not HTTP": "correct host and port: something else than an HTTP server listens at {where}",
    GARBAGE: "correct host and port: something else listens at {where}",
    "read-only": "see which server {where} leads to: it takes no writes",
    "starting or stopping": "wait until it is up, and look again",
    "HTTP 401": "give the login that {where} asks for",
    "HTTP 403": "give the login that {where} asks for the right to it",
    "HTTP 404": "correct the path",
    TIMED_OUT: "see that {where} is up, and that no firewall between here and there drops what is sent",
    RESET: "see the log of {where}: it hangs up; and whether it is to be asked with TLS",
    UNREACHABLE: "see that there is a route from here to {where}",
    REFUSED: "start it, or correct host and port: nobody listens at {where}",
}
"""By a part of the words; what is more special stands first, as `refused` is a part of others."""


def what_to_do(words: str, where: str = "", user: str = "", database: str = "") -> str:
    """Return what to do about a cause that these words name, the empty string where none is known.

    `where` is HOST:PORT, a URL or whatever else the reader knows the server by.
    """
    known = next((remedy for cause, remedy in _REMEDIES.items() if cause in words), "")
    return known.format(
        where=where or "its address",
        host=_host(where) or "NAME",
        user=user or "its user",
        database=database or "its database",
    )


def _host(where: str) -> str:
    """Return the host of HOST:PORT or of a URL."""
    return where.rpartition("://")[2].partition("/")[0].rpartition("@")[2].rpartition(":")[0].strip("[]") or where
