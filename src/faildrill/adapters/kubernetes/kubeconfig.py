"""Where a cluster is and who we are there: from a kubeconfig file and its context, or from the pod that we run in.

Read strictly, and by ourselves: kubectl and the official client take the first of two users of a name, the current
context where none is named, and a server whose certificate nobody checks. What is not understood is refused here.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import urlsplit

import yaml

from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.errors import CannotSee, reason
from faildrill.system import bounded_read, redaction

_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CLUSTER: Final = frozenset(
    {
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "tls-server-name",
        "disable-compression",
        "insecure-skip-tls-verify",
        "extensions",
    }
)
_USER: Final = frozenset(
    {
        "token",
        "tokenFile",
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "exec",
        "extensions",
    }
)
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class NoWay(CannotSee):
    """What was declared leads to no cluster, or not safely: nothing is sent."""


class Plugin(NamedTuple):
    """A program that gives credentials, as a kubeconfig names it."""

    command: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    version: str
    folder: str


class Access(NamedTuple):
    """Where a cluster is, and what to say there."""

    server: str
    authorities: tuple[str, ...]
    """The certificates, as PEM, one of which must have signed the server's; none: the system's."""
    server_name: str | None = None
    """For which name the server's certificate must be, where that is not its host."""
    token: str = ""
    token_file: str = ""
    certificate: str = ""
    """A client's certificate, as PEM, with its key."""
    key: str = ""
    plugin: Plugin | None = None


def access(target: Kubernetes) -> Access:
    """Read how to get to a cluster, from files alone; NoWay says what is wrong, where, and what to do."""
    if target.in_cluster:
        return _from_within()
    path = str(target.kubeconfig)
    return _Kubeconfig(path, _loaded(path)).access(str(target.context))


def _from_within() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise NoWay("`in_cluster: true`, and this is no pod: KUBERNETES_SERVICE_HOST is not set")
    where = f"[{host}]" if ":" in host else host
    authorities = _authorities(_text(str(_POD / "ca.crt")), str(_POD / "ca.crt"))
    return Access(f"https://{where}:{port}", authorities, token_file=str(_POD / "token"))


def _text(path: str) -> str:
    try:
        return bounded_read.read(path).decode()
    except UnicodeDecodeError as error:
        raise NoWay(f"{path}: it is no text") from error
    except OSError as error:
        raise NoWay(f"{path}: can't be read ({reason(error)}); correct the path, or let this user read it") from error


def _authorities(pem: str, where: str) -> tuple[str, ...]:
    found = tuple(_CERTIFICATE.findall(pem))
    if not found:
        raise NoWay(f"{where}: there is no certificate in it; an authority is given as PEM")
    return found


def _loaded(path: str) -> dict[str, Any]:
    """Parse a file of YAML, strictly: every key once, and nothing that stands for something elsewhere."""
    text = _text(path)
    try:
        loader = yaml.CSafeLoader(text)
        root = loader.get_single_node()
        found = _data(loader, root, path, set()) if root is not None else None
    except yaml.YAMLError as error:
        raise NoWay(f"{path}: it is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise NoWay(f"{path}: it is nested too deep") from error
    if not isinstance(found, dict):
        raise NoWay(f"{path}: it is no kubeconfig: {'empty' if found is None else 'no mapping'}")
    return found


def _data(loader: "yaml.CSafeLoader", node: yaml.Node, path: str, seen: set[int]) -> object:
    line = f"{path}:{node.start_mark.line + 1}"
    if id(node) in seen:
        raise NoWay(f"{line}: an alias: write out what it stands for")
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_data(loader, one, path, seen) for one in node.value]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: dict[str, Any] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        if name in found:
            raise NoWay(f"{path}:{key.start_mark.line + 1}: {name!r} is there twice")
        found[name] = _data(loader, value, path, seen)
    return found


class _Kubeconfig(NamedTuple):
    """A parsed file; every question of it names the file in what it refuses."""

    path: str
    content: dict[str, Any]

    def access(self, context: str) -> Access:
        chosen = self._named("contexts", "context", context)
        cluster = self._named("clusters", "cluster", self._word(chosen, "cluster", f"context {context}"))
        user_name = self._word(chosen, "user", f"context {context}")
        user = self._named("users", "user", user_name)
        return self._login(user, f"user {user_name}", self._server(cluster))

    def _wrong(self, told: str) -> NoReturn:
        raise NoWay(f"{self.path}: {told}")

    def _named(self, section: str, inside: str, name: str) -> dict[str, Any]:
        rows = self.content.get(section)
        rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        found = [row for row in rows if row.get("name") == name]
        if len(found) > 1:
            self._wrong(f"{section} has {len(found)} of the name {name!r}: which one is meant?")
        if not found:
            there = ", ".join(sorted(str(row.get("name")) for row in rows)) or "none"
            self._wrong(f"{section} has no {name!r}; there is {there}")
        held = found[0].get(inside)
        if not isinstance(held, dict):
            self._wrong(f"{section}: {name!r} has no {inside!r}")
        return held

    def _word(self, held: Mapping[str, Any], key: str, where: str) -> str:
        value = held.get(key)
        if not isinstance(value, str) or not value:
            self._wrong(f"{where}: `{key}` is missing, or no text")
        return value

    def _known(self, held: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        unknown = sorted(key for key, value in held.items() if key not in known and value not in (None, "", [], {}))
        if unknown:
            self._wrong(f"{where}: `{'`, `'.join(unknown)}` can't be followed here; give a context without it")

    def _server(self, cluster: dict[str, Any]) -> Access:
        self._known(cluster, _CLUSTER, "cluster")
        if cluster.get("insecure-skip-tls-verify") not in (None, False):
            self._wrong("insecure-skip-tls-verify: a server that nobody checks proves nothing; name its authority")
        server = self._word(cluster, "server", "cluster")
        try:
            parts = urlsplit(server)
            is_whole = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole or parts.username or parts.query or parts.fragment:
            self._wrong(f"server {server!r} is no https:// URL of an API server")
        pem = self._held(cluster, "certificate-authority", "cluster")
        name = cluster.get("tls-server-name") or None
        authorities = _authorities(pem, f"{self.path}: certificate-authority") if pem else ()
        return Access(server.rstrip("/"), authorities, str(name) if name else None)

    def _login(self, user: dict[str, Any], where: str, way: Access) -> Access:
        self._known(user, _USER, where)
        certificate = self._held(user, "client-certificate", where)
        key = self._held(user, "client-key", where)
        token, token_file = str(user.get("token") or ""), str(user.get("tokenFile") or "")
        plugin = self._plugin(user["exec"], where) if user.get("exec") else None
        ways = [bool(certificate or key), bool(token or token_file), plugin is not None]
        if sum(ways) != 1 or bool(certificate) != bool(key):
            self._wrong(f"{where}: give one of a token, a client certificate with its key, and a plugin (exec)")
        try:
            for secret in filter(None, (token, key)):
                redaction.learn(secret)
        except ValueError as error:
            self._wrong(f"{where}: {error}")
        # A token in the file itself is only what the file of the token was at some time.
        file = self._beside(token_file) if token_file else ""
        return way._replace(
            token="" if file else token, token_file=file, certificate=certificate, key=key, plugin=plugin
        )

    def _held(self, held: Mapping[str, Any], key: str, where: str) -> str:
        """Return the PEM that is given as data, or in the file that is named; empty where neither is."""
        data, file = held.get(f"{key}-data"), held.get(key)
        if data and file:
            self._wrong(f"{where}: both `{key}` and `{key}-data`: which one is meant?")
        if data:
            try:
                return base64.b64decode(str(data), validate=True).decode()
            except (binascii.Error, ValueError):
                self._wrong(f"{where}: `{key}-data` is no base64 of a text")
        return _text(self._beside(str(file))) if file else ""

    def _beside(self, path: str) -> str:
        """Return a path that begins in the folder of the kubeconfig, as kubectl takes it."""
        return str(Path(self.path).parent / path)

    def _plugin(self, held: object, where: str) -> Plugin:
        if not isinstance(held, dict):
            self._wrong(f"{where}: `exec` is no mapping")
        command = self._word(held, "command", f"{where}: exec")
        if held.get("interactiveMode") == "Always":
            self._wrong(f"{where}: its plugin wants to ask a person, and nobody is there; give a token instead")
        version = self._word(held, "apiVersion", f"{where}: exec")
        pairs = held.get("env") or []
        rows = [pair for pair in pairs if isinstance(pair, dict)] if isinstance(pairs, list) else []
        environment = {str(row.get("name")): str(row.get("value") or "") for row in rows}
        folder = str(Path(self.path).parent)
        found = self._beside(command) if "/" in command else command
        return Plugin(found, tuple(map(str, held.get("args") or ())), environment, version, folder)
