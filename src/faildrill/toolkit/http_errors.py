"""Why an HTTP server gave aiohttp no answer, in the words that all adapters share."""

from functools import cache

import aiohttp

from faildrill.ports import causes
from faildrill.toolkit import tls
from faildrill.toolkit.connection_errors import silence


def in_words(error: BaseException) -> str:
    """Tell how a server failed to answer, in a few words that repeat."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return tls.in_words(error.certificate_error) or "certificate refused"
    # aiohttp wraps the kernel's error, whose number says more than the class around it.
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if (encrypted := tls.in_words(cause)) is not None:
        return encrypted
    return silence(cause, next((words for kind, words in _words() if isinstance(cause, kind)), causes.UNREACHABLE))


# Made when it is needed first: aiohttp is loaded lazily, and naming its classes would load it.
@cache
def _words() -> tuple[tuple[type[Exception], str], ...]:
    return (
        (TimeoutError, causes.TIMED_OUT),
        (ConnectionRefusedError, causes.REFUSED),
        (ConnectionError, causes.RESET),
        (aiohttp.ServerDisconnectedError, causes.RESET),
        (aiohttp.ClientPayloadError, causes.RESET),
        (aiohttp.ClientResponseError, causes.GARBAGE),
    )
