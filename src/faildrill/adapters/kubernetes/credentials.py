"""What proves to a cluster who we are: a token, a client's certificate, or what a plugin of the kubeconfig gives.

Nothing of it is kept beyond one opening of a client, and nothing of it reaches a record: each secret is learnt first,
and what a plugin prints is never told.
"""

import asyncio
import os
import signal
import ssl
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from faildrill.adapters.kubernetes.kubeconfig import Access, NoWay, Plugin
from faildrill.errors import reason
from faildrill.system import bounded_output, bounded_read, redaction
from faildrill.toolkit.programs import unstarted

_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_LARGEST: Final = 1 << 18
"""Bytes that a plugin may print."""
_LONGEST_TOKEN: Final = 1 << 16


class Credentials(NamedTuple):
    """What to show: a token, or a certificate with its key, as PEM."""

    token: str = ""
    certificate: str = ""
    key: str = ""


class _Granted(msgspec.Struct, frozen=True, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _ExecCredential(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    status: _Granted


async def credentials(way: Access, within: float) -> Credentials:
    """Return what proves who we are, within float seconds; NoWay says what is wrong, and nothing of what was given."""
    if way.plugin is not None:
        return await _from_plugin(way.plugin, within)
    if way.token_file:
        return Credentials(_learnt(_token(way.token_file)))
    return Credentials(way.token, way.certificate, way.key)


def _token(path: str) -> str:
    try:
        found = bounded_read.read(path, _LONGEST_TOKEN).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise NoWay(f"{path}: it holds no token") from error
    except OSError as error:
        raise NoWay(f"{path}: the token can't be read ({reason(error)})") from error
    if not found or not found.isprintable():
        raise NoWay(f"{path}: it holds no token")
    return found


def _learnt(secret: str) -> str:
    try:
        redaction.learn(secret)
    except ValueError as error:
        raise NoWay(f"the credentials can't be used: {error}") from error
    return secret


async def _from_plugin(plugin: Plugin, within: float) -> Credentials:
    if plugin.version not in _VERSIONS:
        raise NoWay(f"{plugin.command}: its apiVersion {plugin.version!r} is none of {', '.join(_VERSIONS)}")
    printed = await _run(plugin, within)
    try:
        said = msgspec.json.decode(printed, type=_ExecCredential)
    except msgspec.MsgspecError:
        raise NoWay(f"{plugin.command}: what it printed is no ExecCredential") from None  # its words may hold a secret
    given = said.status
    if said.kind != "ExecCredential" or said.api_version != plugin.version:
        raise NoWay(f"{plugin.command}: it printed something else than an ExecCredential of {plugin.version}")
    if given.client_certificate_data and given.client_key_data:
        return Credentials("", given.client_certificate_data, _learnt(given.client_key_data))
    if not given.token:
        raise NoWay(f"{plugin.command}: it gave neither a token nor a certificate with its key")
    return Credentials(_learnt(given.token))


async def _run(plugin: Plugin, within: float) -> bytes:
    """Run a plugin to its end, or end it with all of its process group at the deadline."""
    asked = {"apiVersion": plugin.version, "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {**os.environ, **plugin.environment, "KUBERNETES_EXEC_INFO": msgspec.json.encode(asked).decode()}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=plugin.folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = unstarted(plugin.command, error) if isinstance(error, OSError) else f"{plugin.command}: {error}"
        raise NoWay(f"the plugin {why}") from error
    try:
        printed, _ = await bounded_output.communicate(process, within, group=True, most=_LARGEST)
    except TimeoutError as error:
        raise NoWay(f"the plugin {plugin.command} gave no answer within {within:g} s, and was ended") from error
    except OSError as error:
        raise NoWay(f"the plugin {plugin.command} prints without end, and was ended") from error
    finally:
        with suppress(ProcessLookupError, PermissionError):  # what it started may hold its output open
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise NoWay(f"the plugin {plugin.command} ended with {process.returncode}: call it by hand to see what it says")
    return printed


def encryption(way: Access, shown: Credentials) -> ssl.SSLContext:
    """Return what checks the server's certificate, and shows ours where we have one; NoWay where it can't be used."""
    try:
        made = ssl.create_default_context(cadata="\n".join(way.authorities) or None)
    except (ssl.SSLError, ValueError) as error:
        raise NoWay(f"its authority is no certificate: {reason(error)}") from error
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 refuses much of what private authorities make
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if shown.certificate:
        _present(made, shown)
    return made


def _present(made: ssl.SSLContext, shown: Credentials) -> None:
    """Have our certificate shown; OpenSSL takes files alone, and the key must be in none that outlives us."""
    descriptor = os.memfd_create("faildrill-certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, f"{shown.certificate}\n{shown.key}\n".encode())

        def refused() -> str:
            raise NoWay("the client's key is encrypted, and nobody is asked for its passphrase; give one that is not")

        made.load_cert_chain(f"/proc/self/fd/{descriptor}", password=refused)
    except (ssl.SSLError, OSError) as error:
        raise NoWay(f"the client's certificate and key can't be used: {reason(error)}") from error
    finally:
        os.close(descriptor)
