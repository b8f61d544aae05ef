"""Signed and checked by `ssh-keygen -Y`, as git does it: with keys of the user's own, of which faildrill has none."""

import base64
import binascii
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from faildrill.errors import WrongUsage, reason

NAMESPACE: Final = "faildrill-bundle"
"""What a signature is for: one that was made for something else, with the same key, doesn't count."""
LARGEST: Final = 1 << 16
"""Bytes of a signature."""
_PROGRAM: Final = "ssh-keygen"
"""OpenSSH's, from 8.1 on with `-Y`."""
_WITHIN: Final = 60.0
"""Seconds for checking a signature; signing may wait for a person, who types a passphrase."""
_HEAD, _TAIL = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_WIDTH: Final = 70
"""Characters of a line (OpenSSH's PROTOCOL.sshsig)."""


class Checked(NamedTuple):
    """What is known of a signature."""

    holds: bool | None
    """None: nobody could check it, or nobody has said whose counts."""
    because: str


def sign(message: bytes, key: Path) -> bytes:
    """Return the signature of a message by a key, private or of an agent; WrongUsage where it can't be signed."""
    words = [_PROGRAM, "-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE]
    try:
        done = subprocess.run(words, input=message, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise WrongUsage(
            f"{_PROGRAM} can't be started ({reason(error)}): signing needs OpenSSH 8.1 or newer"
        ) from error
    if done.returncode:
        raise WrongUsage(f"not signed: {_PROGRAM} ended with {done.returncode}; what it said is above")
    return done.stdout


def is_as_written(signature: bytes) -> bool:
    """Tell whether a signature is written as ssh-keygen writes one: each byte of it counts."""
    body = signature.removeprefix(_HEAD).removesuffix(_TAIL)
    try:
        blob = base64.b64decode(body.replace(b"\n", b""), validate=True)
    except binascii.Error:
        return False
    text = base64.b64encode(blob)
    lines = (text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH))
    return signature == _HEAD + b"".join(line + b"\n" for line in lines) + _TAIL


def check(message: bytes, signature: bytes, allowed: Path | None) -> Checked:
    """Say whether a message is signed, and by somebody whom the file of allowed signers names, where there is one."""
    if not is_as_written(signature):
        return Checked(False, "the signature is not written as ssh-keygen writes one")
    try:
        with tempfile.TemporaryDirectory() as folder:
            beside = Path(folder) / "signature"
            beside.write_bytes(signature)
            return _checked(message, beside, allowed)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Checked(None, f"the signature can't be checked here: {reason(error)}")


def _checked(message: bytes, signature: Path, allowed: Path | None) -> Checked:
    fits = _called(message, "check-novalidate", "-s", str(signature))
    if fits.returncode:
        return Checked(False, "the signature does not fit: what was signed is not what is here")
    key = _key(fits.stdout)
    if allowed is None:
        return Checked(None, f"signed with the key {key}; whose it is can be told with --allowed-signers")
    principals = _called(b"", "find-principals", "-s", str(signature), "-f", str(allowed))
    for principal in principals.stdout.decode("utf-8", "replace").splitlines():
        if not _called(message, "verify", "-s", str(signature), "-f", str(allowed), "-I", principal).returncode:
            return Checked(True, f"signed by {principal}, with the key {key}")
    return Checked(False, f"signed with the key {key}, which {allowed} allows nobody to sign bundles with")


def _called(message: bytes, what: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    # Finding whose key it is asks for no namespace; verifying does, so that a signature for git does not count here.
    scope = () if what == "find-principals" else ("-n", NAMESPACE)
    return subprocess.run(
        [_PROGRAM, "-Y", what, *scope, *words], input=message, capture_output=True, check=False, timeout=_WITHIN
    )


def _key(said: bytes) -> str:
    key = re.search(rb"\S+ key SHA256:\S+", said)
    return key[0].decode("ascii", "replace").replace(" key ", " ") if key else "of an unknown sort"
