"""Encrypted connections of adapters: what checks a server's certificate, and plain words for why it was not taken."""

import ssl
from functools import cache
from typing import Final

from faildrill.errors import reason
from faildrill.ports import causes
from faildrill.ports.target import Encryption
from faildrill.system import bounded_read

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""What OpenSSL says where the other side speaks something else."""
_VERIFIES: Final = {
    7: "certificate of an unknown authority",  # its name, with another key
    10: "certificate has expired",
    18: "certificate signed by itself",
    19: "certificate of an unknown authority",
    20: "certificate of an unknown authority",
    62: "certificate for another name",
    64: "certificate for another name",
}
"""OpenSSL's numbers for what is wrong with a certificate (X509_V_ERR_…)."""


class NoTLS(OSError):
    """What answered speaks no TLS."""


class NoFile(OSError):
    """A file of certificates can't be read."""


def context(how: Encryption) -> ssl.SSLContext | None:
    """Return what checks the servers' certificates, None where connections are plain.

    NoFile where one of the files can't be read.
    """
    return _context(how.ca, how.certificate, how.certificate_key) if how.tls else None


@cache
def _context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Make it once: reading all authorities takes some ms."""
    try:
        if ca is not None:
            check(ca)
        made = ssl.create_default_context(cafile=ca)
    except NoFile:
        raise
    except OSError as error:
        raise NoFile(f"{ca}: {error}") from error
    if certificate is not None:
        present(made, certificate, key)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 refuses much of what private authorities make
    return made


def check(path: str) -> None:
    """Raise NoFile, which names it, unless a file of certificates or of a key can be read: OpenSSL waits for a pipe."""
    try:
        bounded_read.check(path)
    except OSError as error:
        raise NoFile(f"{path}: {reason(error)}") from error


def present(made: ssl.SSLContext, certificate: str, key: str | None) -> None:
    """Have a client's certificate shown with its key, by default from the same file; NoFile names the file at fault.

    Nobody is asked for a passphrase: a key that needs one is refused.
    """
    holds_key = key or certificate

    # OpenSSL asks on the terminal otherwise, and a probe would wait for somebody to type.
    def refused() -> str:
        raise NoFile(f"{holds_key}: the key is encrypted, and nobody is asked for its passphrase; name one that is not")

    for file in filter(None, (certificate, key)):
        check(file)
    try:
        made.load_cert_chain(certificate, key, password=refused)
    except NoFile:
        raise
    except OSError as error:
        files = certificate if key is None else f"{certificate} with {key}"
        raise NoFile(f"{files}: {error}") from error


def anybody() -> ssl.SSLContext:
    """Return what takes any certificate: to see whether a server speaks TLS at all, and for nothing else."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # In this order: Python refuses CERT_NONE as long as names are checked.
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def in_words(error: BaseException) -> str | None:
    """Tell what went wrong with the encryption, in words that repeat; None where it was something else."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFIES.get(error.verify_code, f"certificate refused ({error.verify_code})")
    if isinstance(error, NoTLS | NoFile):
        return causes.NO_TLS if isinstance(error, NoTLS) else "certificate file unreadable"
    if isinstance(error, ssl.SSLError):
        reason = str(getattr(error, "reason", None) or "")
        if reason in _NO_TLS:
            return causes.NO_TLS
        # An alert is the other side's word (RFC 8446, 6.2): it refuses us, not we its certificate.
        if "CERTIFICATE_REQUIRED" in reason or "ALERT" in reason:
            return "refuses our certificate" if "CERT" in reason or "UNKNOWN_CA" in reason else "ends the TLS"
        return f"TLS {reason.lower().replace('_', ' ')}".strip()
    return None
