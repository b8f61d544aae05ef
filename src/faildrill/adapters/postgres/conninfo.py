"""Where a PostgreSQL is and how one logs in, told as libpq is told: one reading for every client of ours.

Connection strings of keywords and URLs, several hosts and `target_session_attrs`, `service=` with its file, `.pgpass`,
`sslmode` and the files of certificates. What can't be done here is refused by name, never passed over.
"""

import configparser
import os
import ssl
import stat
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from faildrill.errors import UnresolvedSecret, reason
from faildrill.secrets import Reference
from faildrill.system import bounded_read, redaction
from faildrill.toolkit import tls

_LARGEST: Final = 1 << 20
_PORT: Final = "5432"
_FIELDS: Final = 5
SESSIONS: Final = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_USED: Final = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "options", "connect_timeout"}
    | {"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"}
)
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

    @property
    def where(self) -> str:
        """Tell where it leads, for people: never the whole string, which may hold a password."""
        try:
            return ", ".join(f"{one.host}:{one.port}" for one in self.endpoints())
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
        found = self.settings.get("password") or _from_passfile(self)
        if found is not None:
            try:
                redaction.learn(found)
            except ValueError as error:
                raise UnresolvedSecret(f"the password of {self.user}: {error}; give a longer one") from error
        return found

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
        seconds = self.settings.get("connect_timeout", "")
        return float(seconds) if seconds.isdecimal() and int(seconds) else None

    def context(self) -> ssl.SSLContext | None:
        """Return what encrypts the connection, and checks who answers where that was asked for; None for plain."""
        if self.mode == "disable" or self.host.startswith("/"):
            return None
        files = (self.settings.get(name) for name in ("sslrootcert", "sslcert", "sslkey"))
        return _context(self.mode, *(str(Path(one).expanduser()) if one else None for one in files))

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
    found = _url(text) if is_url else dict(_keywords(text))
    _check(found)
    return found


def _check(settings: Mapping[str, str]) -> None:
    unknown = sorted(set(settings) - _USED - _PASSED_OVER)
    if unknown:
        raise Unreadable(f"{', '.join(unknown)} is not known here; what is: {', '.join(sorted(_USED))}")
    for name, known in (("sslmode", MODES), ("target_session_attrs", SESSIONS)):
        if settings.get(name, known[0]) not in known:
            raise Unreadable(f"{name} is one of {', '.join(known)}")
    for name in ("gssencmode", "channel_binding"):
        if settings.get(name) == "require":
            raise Unreadable(f"{name}=require can't be done here")


def _url(text: str) -> dict[str, str]:
    parts = urlsplit(text)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    hosts, ports = [], []
    for one in filter(None, parts.netloc.rpartition("@")[2].split(",")):
        host, port = one, ""
        if not one.endswith("]") and ":" in one:
            host, _, port = one.rpartition(":")
        hosts.append(unquote(host).removeprefix("[").removesuffix("]"))
        ports.append(port)
    found = {
        "host": ",".join(hosts),
        "port": ",".join(ports) if any(ports) else "",
        "dbname": unquote(parts.path.removeprefix("/")),
        "user": unquote(user),
        "password": unquote(password),
    }
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    if extra.pop("ssl", None) == "true":
        extra["sslmode"] = "require"
    return {name: value for name, value in found.items() if value} | extra


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
    found: list[str] = []
    while at < len(text):
        one = text[at]
        if one == "'" if quoted else one.isspace():
            return "".join(found), at + 1
        at += one == "\\"
        found.append(text[at : at + 1])
        at += 1
    if quoted:
        raise Unreadable("a quote in the connection string is never closed")
    return "".join(found), at


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
        read = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
        try:
            read.read_string(text)
        except configparser.Error as error:
            raise Unreadable(f"{path} is no service file") from error
        if read.has_section(name):
            found = dict(read.items(name))
            _check(found)
            return found
        looked.append(str(path))
    raise Unreadable(f"the service {name} is in none of {', '.join(looked)}")


def _endpoints(settings: Mapping[str, str], password: Reference | None) -> Iterator[Endpoint]:
    names = settings.get("host", "").split(",")
    hosts = settings["hostaddr"].split(",") if settings.get("hostaddr") else names
    ports = (settings.get("port") or _PORT).split(",")
    if len(ports) not in (1, len(hosts)):
        raise Unreadable(f"{len(ports)} ports for {len(hosts)} hosts: give one, or one each")
    user = settings.get("user", "")
    if not hosts[0] or not user:
        raise Unreadable("no host or no user is named: in the environment file, its dsn or its service")
    database = settings.get("dbname") or user
    for at, host in enumerate(hosts):
        port = ports[at if len(ports) > 1 else 0] or _PORT
        if not port.isdecimal():
            raise Unreadable(f"{port!r} is no port")
        name = names[at].strip() if len(names) == len(hosts) and names[at] else ""
        yield Endpoint(host.strip(), int(port), database, user, password, settings, name or host.strip())


def _from_passfile(one: Endpoint) -> str | None:
    """Return the password that a `.pgpass` has for a server; None where it has none, or others could read it."""
    path = Path(one.settings.get("passfile") or os.environ.get("PGPASSFILE") or "~/.pgpass")
    try:
        path = path.expanduser()
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            return None  # as libpq, which says so and goes on without
        lines = bounded_read.read(path, _LARGEST).decode().splitlines()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return None
    host = "localhost" if one.host.startswith("/") else one.host
    wanted = (host, str(one.port), one.database, one.user)
    for line in lines:
        fields = list(_pass_fields(line))
        if len(fields) == _FIELDS and all(f in ("*", w) for f, w in zip(fields, wanted, strict=False)):
            return fields[-1]
    return None


def _pass_fields(line: str) -> Iterator[str]:
    """Yield the fields of a line: colons between them, a backslash before one that is none, and before itself."""
    if line.startswith("#"):
        return
    field, rest = "", iter(line)
    for one in rest:
        if one == "\\":
            field += next(rest, "")
        elif one == ":":
            yield field
            field = ""
        else:
            field += one
    yield field


@cache
def _context(mode: str, ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Make it once for each set of files. `require` with an authority checks as `verify-ca` does, as libpq has it."""
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
