"""What a connection that failed proves, by the number of its error: one table for every probe.

Three sorts. Of the service: nobody listens, it hung up, or there is no way to it, which is an outage by its usual means
(a route that is taken away, a firewall). Of this host: it has no descriptor, port or memory left, so nothing was asked
and nothing is proven. Of neither: what isn't in the table proves nothing, and says its own words.

A number means what the kernel means by it when it is asked to *connect or send* (connect(2), ip(7), icmp(7), and
`ip-route`'s types): EACCES is a `prohibit` route as well as an ICMP "administratively prohibited" of IPv6, EINVAL a
`blackhole` route, EPERM a packet filter of this host. The same numbers from a call that only makes a socket are of this
host; a probe that starts on such a host never gets through its warm-up.
"""

import errno
import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Final, Protocol, Self

from faildrill.errors import UnresolvedSecret, reason
from faildrill.ports import Seen, causes
from faildrill.record.samples import Outcome
from faildrill.system.resolver import NotAsked, was_unanswered
from faildrill.toolkit import tls

_FORBIDDEN: Final = "a route or a firewall forbids it"
"""In words that repeat, as they are interned with each sample."""
_PROVES: Final[dict[int, tuple[Outcome, str]]] = {
    errno.ECONNREFUSED: (Outcome.REFUSED, ""),
    errno.ECONNRESET: (Outcome.RESET, "reset"),
    errno.ECONNABORTED: (Outcome.RESET, "reset"),
    errno.ENETRESET: (Outcome.RESET, "reset"),
    errno.ENOTCONN: (Outcome.RESET, "reset"),
    errno.EPIPE: (Outcome.RESET, "reset"),
    errno.ETIMEDOUT: (Outcome.TIMED_OUT, "the kernel gave up connecting"),
    errno.EACCES: (Outcome.UNREACHABLE, _FORBIDDEN),
    errno.EPERM: (Outcome.UNREACHABLE, _FORBIDDEN),
    errno.EINVAL: (Outcome.UNREACHABLE, "a route drops it"),
    **{
        number: (Outcome.UNREACHABLE, os.strerror(number))
        for number in (
            errno.ENETUNREACH,
            errno.EHOSTUNREACH,
            errno.ENETDOWN,
            errno.EHOSTDOWN,
            errno.ENONET,
            errno.ENOPROTOOPT,
            errno.EPROTO,
        )
    },
}
"""By number of the error: what it proves of the service, and in which words; empty where the outcome says it all."""
_OURS: Final = (socket.EAI_MEMORY, socket.EAI_SYSTEM, socket.EAI_FAMILY, socket.EAI_BADFLAGS)
"""Of what resolving a name may say, what is about this host; the rest is about the name, or who should know it."""


class Ending(ConnectionError):
    """The server ended a kept connection under what was sent on it, before any answer: it may never have read it."""


CLOSING: Final = "the server was ending the connection"
"""In words that repeat, as above."""


def outcome_of(error: OSError) -> tuple[Outcome, str]:
    """Tell what a connection that failed proves, in words that repeat from look to look."""
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, Ending):
        return Outcome.OPEN, CLOSING
    if isinstance(error, TimeoutError) and not error.errno:  # a deadline of ours, not the kernel's
        return Outcome.TIMED_OUT, causes.NO_RESOLVER if was_unanswered(error) else ""
    if isinstance(error, socket.gaierror) and error.errno not in _OURS:
        return Outcome.UNREACHABLE, of_name(error)
    # Python gives most numbers a class of their own, and some errors that it makes itself have the class alone.
    number = error.errno or next((number for sort, number in _CLASSES if isinstance(error, sort)), 0)
    known = None if isinstance(error, socket.gaierror) else _PROVES.get(number)
    return known or (Outcome.BROKEN, f"here: {reason(error)}")


def of_name(error: BaseException) -> str:
    """Tell what became of asking where a name leads; the empty string where something else failed."""
    if isinstance(error, socket.gaierror):
        return causes.NO_RESOLVER if error.errno == socket.EAI_AGAIN else causes.NO_NAME
    return causes.NO_RESOLVER if isinstance(error, TimeoutError) and was_unanswered(error) else ""


_CLASSES: Final[tuple[tuple[type[OSError], int], ...]] = (
    (ConnectionRefusedError, errno.ECONNREFUSED),
    (ConnectionError, errno.ECONNRESET),
)
"""For errors that Python makes without a number: the more special class first."""


def _of_tls(error: ssl.SSLError) -> tuple[Outcome, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Outcome.WRONG, f"certificate: {error.verify_message}"
    # Ended before the answer, with close_notify or without (RFC 8446, 6.1): what a server that dies does, not a
    # wrong answer.
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Outcome.RESET, "closed"
    return Outcome.WRONG, f"TLS: {reason(error)}"


class Silence(str):
    """Why a node told nothing, in words, where that proves nothing of it: a limit of this host, or on the prober."""

    __slots__ = ("outcome",)
    outcome: Outcome

    @classmethod
    def of(cls, outcome: Outcome, words: str) -> Self:
        """Make it."""
        made = cls(words)
        made.outcome = outcome
        return made


def silence(error: BaseException, words: str) -> str:
    """Return the words for why a node told nothing; where this host was at fault, as `Silence`."""
    if isinstance(error, NotAsked) or (isinstance(error, OSError) and error.errno):
        outcome, here = outcome_of(error)
        if outcome is Outcome.BROKEN:
            return Silence.of(outcome, here)
    return of_name(error) or words


class Observed(Protocol):
    """A node as it was seen."""

    @property
    def silent(self) -> str:
        """Why it told nothing; empty where it did."""
        ...


def silences(nodes: Mapping[str, Observed]) -> dict[str, str]:
    """Tell by name why a node told nothing; empty texts of those that did."""
    return {name: node.silent for name, node in nodes.items()}


def unheard(silent: Mapping[str, object]) -> Seen | None:
    """Return what a look saw that can't conclude from some nodes' silence; None when each of them proves something."""
    for name, words in silent.items():
        if isinstance(words, Silence):
            return Seen(words.outcome, detail=f"{name} {words}")
    return None


_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (TimeoutError, causes.TIMED_OUT),
    (ConnectionRefusedError, causes.REFUSED),
    (ConnectionError, causes.RESET),
    (UnresolvedSecret, "no password"),
)
"""By class, the more special one first: ConnectionRefusedError is a ConnectionError, and both are OSErrors."""


def why_silent(error: BaseException, own: Iterable[tuple[type[BaseException], str]] = ()) -> str:
    """Tell how a server failed to answer, in a word or two that repeat; `own` are a client's errors, with its words."""
    known = next((words for kind, words in (*own, *_WORDS) if isinstance(error, kind)), causes.UNREACHABLE)
    return tls.in_words(error) or silence(error, known)
