"""Where a PostgreSQL is and how one logs in, told as libpq is told: one reading for every client of ours.

Connection strings of keywords and URLs, several hosts and `target_session_attrs`, `service=` with its file, `.pgpass`,
`sslmode` and the files of certificates. What can't be done here is refused by name, never passed over.
"""

import os
import re
import ssl
import stat
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from faildrill.errors import UnresolvedSecret, reason
from faildrill.ports.addresses import LAST_PORT
from faildrill.secrets import Reference
from faildrill.system import bounded_read, redaction
from faildrill.toolkit import tls
from faildrill.toolkit.client_names import ClientNames

_LARGEST: Final = 1 << 20
"""Bytes of a service or password file."""
_PORT: Final = "5432"
"""PostgreSQL's, where none is named."""
_SOCKETS: Final = "/var/run/postgresql"
"""The folder of sockets by default, as Debian and Red Hat build libpq."""
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,9}\s*", re.ASCII)
"""A whole number as libpq reads one: with blanks around it, and a sign."""
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
"""A percent sign that begins no escape, or one for a zero byte, which no C string can hold."""
_FIELD: Final = re.compile(r"(?:^|(?<=:))((?:\\.|[^:\\])*\\?)(?::|$)")
"""A field of `.pgpass`: up to a colon that no backslash stands before."""
_ESCAPED: Final = re.compile(r"\\(.)")
"""A backslash, and what it stands before."""
_FIELDS: Final = 5
"""host:port:database:user:password."""
SESSIONS: Final = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
"""What `target_session_attrs` may ask for."""
MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""What `sslmode` may be, from no encryption to the strictest check."""
_USED: Final = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "options", "connect_timeout"}
    | {"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"}
)
"""Settings of libpq that are heeded here."""
_PASSED_OVER: Final = frozenset(
    {"application_name", "fallback_application_name", "client_encoding", "tcp_user_timeout", "load_balance_hosts"}
    | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"}
    | {"sslcompression", "sslsni", "gssencmode", "channel_binding"}
)
"""Settings that change nothing of where one comes to, or as whom."""


class Unreadable(OSError):
    """What says where a server is can't be read, or asks for what is not known here."""


class Login(NamedTuple):
    """Where to ask, and as whom, as it was declared."""

    host: str
    port: int | str
    database: str
    user: str
    password: Reference | None
    settings: tuple[tuple[str, str], ...] = ()
    """More of libpq's settings by name."""
    dsn: str = ""
    """A connection string, or a reference to one."""
    names: ClientNames | None = None
    """How its users find it by name; None where that is left to this host."""

    @property
    def where(self) -> str:
        """Tell where it leads, for people: never the whole string, which may hold a password."""
        try:
            return ", ".join(f"{endpoint.host}:{endpoint.port}" for endpoint in self.endpoints())
        except (OSError, UnresolvedSecret, ValueError):
            return f"{self.host}:{self.port}" if self.host else "where its dsn or service says"

    def endpoints(self) -> "list[Endpoint]":
        """Return what to try, in order. Raises Unreadable, or UnresolvedSecret where a reference leads nowhere."""
        text = Reference(self.dsn).resolve().reveal() if is_reference(self.dsn) else self.dsn
        own = {"host": self.host, "port": str(self.port or ""), "dbname": self.database, "user": self.user}
        told = parse(text) | {name: value for name, value in own.items() if value} | dict(self.settings)
        service = told.get("service")
        settings = (_service(service) if service else {}) | told
        return list(_endpoints(settings, self.password))


class Endpoint(NamedTuple):
    """One server to try."""

    host: str
    port: int
    database: str
    user: str
    password: Reference | None
    settings: Mapping[str, str]
    name: str = ""
    """What its certificate is for, where that is not `host`."""

    @property
    def secret(self) -> str | None:
        """The password; None where there is none. UnresolvedSecret where its reference leads nowhere."""
        if self.password is not None:
            return self.password.resolve().reveal()
        password = self.settings.get("password") or _from_passfile(self)
        if password is not None:
            try:
                redaction.learn(password)
            except ValueError as error:
                raise UnresolvedSecret(f"the password of {self.user}: {error}; give a longer one") from error
        return password

    @property
    def session(self) -> str:
        """What the server must be: one of SESSIONS."""
        return self.settings.get("target_session_attrs", "any")

    @property
    def mode(self) -> str:
        """How the connection is encrypted: one of MODES."""
        return self.settings.get("sslmode", "prefer")

    @property
    def within(self) -> float | None:
        """Seconds that the string allows for connecting."""
        seconds = _number(self.settings.get("connect_timeout") or "0") or 0
        return float(seconds) if seconds > 0 else None

    async def found(self, names: ClientNames | None) -> "Endpoint":
        """Return it at the address to which its name leads, and by that name for certificates and password files."""
        if names is None or self.host.startswith("/"):
            return self
        return self._replace(host=await names.address(self.host), name=self.name or self.host)

    def context(self) -> ssl.SSLContext | None:
        """Return what encrypts the connection, and checks who answers where that was asked for; None for plain."""
        if self.mode == "disable" or self.host.startswith("/"):
            return None
        files = (self.settings.get(name) for name in ("sslrootcert", "sslcert", "sslkey"))
        return _context(self.mode, *(str(Path(file).expanduser()) if file else None for file in files))

    @property
    def must_encrypt(self) -> bool:
        """Whether a server without TLS is none."""
        return self.mode in ("require", "verify-ca", "verify-full") and not self.host.startswith("/")


def is_reference(text: str) -> bool:
    """Tell whether a connection string is a reference to one."""
    return text.startswith(("env:", "file:"))


def parse(text: str) -> dict[str, str]:
    """Read a connection string of keywords, or a URL. Unreadable says what can't be."""
    is_url = text.startswith(("postgresql://", "postgres://"))
    settings = _url(text) if is_url else dict(_keywords(text))
    _check(settings)
    return settings


def _check(settings: Mapping[str, str]) -> None:
    unknown = sorted(set(settings) - _USED - _PASSED_OVER)
    if unknown:
        raise Unreadable(f"{', '.join(unknown)} is not known here; what is: {', '.join(sorted(_USED))}")
    for name, known in (("sslmode", MODES), ("target_session_attrs", SESSIONS)):
        if settings.get(name, known[0]) not in known:
            raise Unreadable(f"{name} is one of {', '.join(known)}")
    if _number(settings.get("connect_timeout") or "0") is None:
        raise Unreadable("connect_timeout is a whole number of seconds")
    for name in ("gssencmode", "channel_binding"):
        if settings.get(name) == "require":
            raise Unreadable(f"{name}=require can't be done here")


def _url(text: str) -> dict[str, str]:
    """Read a URL as libpq does: a plus is a plus, and what is no URL is said without telling what may be a password."""
    rest = text.partition("://")[2]
    before, at, after = rest.partition("@")
    user = password = ""
    # An @ behind the first slash is part of the database's name or of a parameter.
    if at and "/" not in before:
        user, _, password = before.partition(":")
        rest = after
    place, path, query = _three(rest)
    hosts, ports = zip(*(_host_and_port(address) for address in place.split(",")), strict=True)
    settings = {
        "host": _decoded(",".join(hosts), "host"),
        "port": _decoded(",".join(ports), "port") if any(ports) else "",
        "dbname": _decoded(path, "database"),
        "user": _decoded(user, "user"),
        "password": _decoded(password, "password"),
    }
    return {name: value for name, value in settings.items() if value} | _parameters(query)


def _three(rest: str) -> tuple[str, str, str]:
    """Part what follows the user of a URL into hosts, database and parameters."""
    before, _, query = rest.partition("?")
    place, _, path = before.partition("/")
    return place, path, query


def _host_and_port(text: str) -> tuple[str, str]:
    if not text.startswith("["):
        host, _, port = text.partition(":")
        return host, port
    host, closed, port = text[1:].partition("]")
    if not closed or not host or (port and not port.startswith(":")):
        raise Unreadable("in the URL, an IPv6 address is written [ADDRESS] or [ADDRESS]:PORT")
    return host, port[1:]


def _parameters(query: str) -> dict[str, str]:
    settings: dict[str, str] = {}
    for setting in query.split("&") if query else ():
        name, equals, value = setting.partition("=")
        if not equals or "=" in value:
            raise Unreadable("the parameters of the URL are NAME=VALUE&NAME=VALUE, with %3D for a = in a value")
        name, value = _decoded(name, "parameters"), _decoded(value, "parameters")
        # JDBC's spelling, which libpq understands as well.
        settings |= {"sslmode": "require"} if (name, value) == ("ssl", "true") else {name: value}
    return settings


def _decoded(text: str, part: str) -> str:
    if _NO_ESCAPE.search(text):
        raise Unreadable(f"in the {part} of the URL, a % is written %25: what follows it are two hexadecimal digits")
    return unquote(text)


def _keywords(text: str) -> Iterator[tuple[str, str]]:
    """Yield the keywords of `name = 'value' …`: quotes around values with spaces, a backslash before either."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        name, equals, _ = text[at:].partition("=")
        if not equals or not name.strip().isidentifier():
            raise Unreadable("a connection string is `name=value name=value …`, or postgresql://…")
        value, at = _value(text, at + len(name) + 1)
        yield name.strip(), value


def _value(text: str, at: int) -> tuple[str, int]:
    while at < len(text) and text[at].isspace():
        at += 1
    quoted = text[at : at + 1] == "'"
    at += quoted
    characters: list[str] = []
    while at < len(text):
        character = text[at]
        if character == "'" if quoted else character.isspace():
            return "".join(characters), at + 1
        at += character == "\\"
        characters.append(text[at : at + 1])
        at += 1
    if quoted:
        raise Unreadable("a quote in the connection string is never closed")
    return "".join(characters), at


def _service(name: str) -> dict[str, str]:
    """Return the settings of a service, from the files in which libpq looks for it."""
    system = Path(os.environ.get("PGSYSCONFDIR", "/etc/postgresql-common")) / "pg_service.conf"
    own = Path(os.environ.get("PGSERVICEFILE") or "~/.pg_service.conf")
    looked = []
    for path in (own, system):
        try:
            text = bounded_read.read(path.expanduser(), _LARGEST).decode()
        except (OSError, RuntimeError, UnicodeDecodeError):
            looked.append(str(path))
            continue
        section = _section(text, name, path)
        if section is not None:
            _check(section)
            return section
        looked.append(str(path))
    raise Unreadable(f"the service {name} is in none of {', '.join(looked)}")


def _section(text: str, name: str, path: Path) -> dict[str, str] | None:
    """Return the settings under a name, None where it has none; what stands in other sections is not looked at."""
    section: dict[str, str] | None = None
    for number, line in enumerate((raw.strip() for raw in text.split("\n")), 1):
        if line.startswith("["):
            if section is not None:
                return section
            section = {} if line.startswith(f"[{name}]") else None
        elif section is not None and line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            if not equals:
                raise Unreadable(f"{path}:{number}: a line of a service is `name=value`")
            if key == "service":
                raise Unreadable(f"{path}:{number}: a service names no other service")
            # The first of two lines counts, as libpq has it.
            section.setdefault(key, value)
    return section


def _endpoints(settings: Mapping[str, str], password: Reference | None) -> Iterator[Endpoint]:
    named, addressed = settings.get("host", ""), settings.get("hostaddr", "")
    user = settings.get("user", "")
    if not (named or addressed) or not user:
        raise Unreadable("no host or no user is named: in the environment file, its dsn or its service")
    hosts = (addressed or named).split(",")
    names = named.split(",") if named else [""] * len(hosts)
    if len(names) != len(hosts):
        raise Unreadable(f"{len(names)} hosts for {len(hosts)} addresses (`hostaddr`): give as many of both")
    ports = (settings.get("port") or _PORT).split(",")
    if len(ports) not in (1, len(hosts)):
        raise Unreadable(f"{len(ports)} ports for {len(hosts)} hosts: give one, or one each")
    database = settings.get("dbname") or user
    for at, (host, name) in enumerate(
        zip((word.strip() for word in hosts), (word.strip() for word in names), strict=True)
    ):
        port = _port(ports[at if len(ports) > 1 else 0])
        yield Endpoint(host or name or _SOCKETS, port, database, user, password, settings, name or host or _SOCKETS)


def _port(text: str) -> int:
    port = _number(text or _PORT)
    if port is None or not 0 < port <= LAST_PORT:
        raise Unreadable(f"{text!r} is no port: a number from 1 to {LAST_PORT}")
    return port


def _number(text: str) -> int | None:
    """Return a whole number as libpq reads one, with blanks around it; None where it is none."""
    return int(text) if _NUMBER.fullmatch(text) else None


def _from_passfile(one: Endpoint) -> str | None:
    """Return the password that a `.pgpass` has for a server; None where it has none, or others could read it.

    As libpq, by the host's name where there is one, and by `localhost` for sockets in the folder where they are by
    default, and only there.
    """
    path = Path(one.settings.get("passfile") or os.environ.get("PGPASSFILE") or "~/.pgpass")
    try:
        path = path.expanduser()
        # libpq ignores a password file that its group or others may read, and so must whoever claims to read as it
        # does.
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            return None  # as libpq, which says so and goes on without
        lines = bounded_read.read(path, _LARGEST).decode().split("\n")
    except (OSError, RuntimeError, UnicodeDecodeError):
        return None
    host = one.name or one.host
    wanted = ("localhost" if host == _SOCKETS else host, str(one.port), one.database, one.user)
    for line in lines:
        fields = [] if line.startswith("#") else _FIELD.findall(line.rstrip("\r"))
        if len(fields) >= _FIELDS and all(f == "*" or _plain(f) == w for f, w in zip(fields, wanted, strict=False)):
            return _plain(fields[_FIELDS - 1]) or None
    return None


def _plain(field: str) -> str:
    """Return a field of a `.pgpass` without the backslashes before colons, and before backslashes."""
    return _ESCAPED.sub(r"\1", field)


@cache
def _context(mode: str, ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Make it once for each set of files. `require` with an authority checks as `verify-ca` does, as libpq has it."""
    # libpq's documentation: with a root certificate `require` behaves like `verify-ca`, for the sake of old set-ups.
    checks = mode in ("verify-ca", "verify-full") or (mode == "require" and ca is not None)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    try:
        if checks:
            _trust(made, ca)
            made.verify_mode = ssl.CERT_REQUIRED
            made.check_hostname = mode == "verify-full"
        if certificate is not None:
            tls.present(made, certificate, key)
    except tls.NoFile as error:
        raise Unreadable(f"a file of certificates can't be read: {error}") from error
    return made


def _trust(made: ssl.SSLContext, ca: str | None) -> None:
    if ca == "system":
        made.load_default_certs()
        return
    file = ca or str(Path("~/.postgresql/root.crt").expanduser())
    tls.check(file)
    try:
        made.load_verify_locations(file)
    except OSError as error:
        raise tls.NoFile(f"{file}: {reason(error)}") from error
