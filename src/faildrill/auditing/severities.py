"""Why a setting matters, and how bad it is when it is not as approved: one line each."""

from typing import Final

from faildrill.auditing.remarks import Grade
from faildrill.standards import Difference, Path

_SEVERE, _WARNING = Grade.SEVERE, Grade.WARNING
_WEIGHT: Final = (
    "requests are shared out by weight: a server that gets more than its share queues them, and users see what looks "
    "like a slow database"
)
_DETECTION: Final = "it decides for how long a dead server still gets requests, or a healthy one gets none"
_WAIT: Final = "it decides for how long users wait, and how much piles up behind a server that hangs"
_FAILOVER: Final = "it decides how long the database is without a primary, or whether a healthy one is taken for dead"

KNOWN: Final[dict[str, tuple[Grade, str]]] = {
    "weight": (_SEVERE, _WEIGHT),
    "algorithm": (_SEVERE, "it decides which server gets the next request"),
    "mode": (_SEVERE, "in another mode retries, checks and stickiness mean something else"),
    "assigned": (_SEVERE, "a server that weighs nothing gets requests where a rule assigns them, and else none"),
    "address": (_SEVERE, "requests go somewhere else"),
    "backup": (_SEVERE, "a backup gets requests only when all others are down"),
    "state": (_WARNING, "the others carry the requests that this server does not take"),
    "max_connections": (_WARNING, "it decides when requests begin to queue, and whether a server can be overrun"),
    "stickiness": (_WARNING, "clients that stick to a server keep it loaded, and lose their session when it dies"),
    "retries": (_WARNING, "a request whose server just died is tried again, or is lost"),
    "redispatch": (_WARNING, "a request whose server just died may go to another one, or only to the dead one"),
    "standing": (_WARNING, "clients that hold a connection keep using a server that was found dead, or wait for it"),
    "how": (_SEVERE, _DETECTION),
    "path": (_WARNING, "a check that asks for something else may find a dead server healthy"),
    **dict.fromkeys(("interval", "fast_interval", "down_interval", "rise", "fall"), (_WARNING, _DETECTION)),
    **dict.fromkeys(("timeout", "connect", "client", "queue", "server", "tunnel"), (_WARNING, _WAIT)),
    **dict.fromkeys(("ttl", "loop_wait", "retry_timeout", "primary_start_timeout"), (_WARNING, _FAILOVER)),
    "follows": (_SEVERE, "a cluster that follows another one takes no writes, and fails over to no writer"),
    "paused": (_SEVERE, "while Patroni is paused nobody takes over from a dead primary"),
    "synchronous": (_SEVERE, "it decides whether acknowledged payments can be lost with a primary"),
    "maximum_lag": (_WARNING, "it decides how many acknowledged payments a failover may lose"),
    "failsafe": (_WARNING, "it decides whether a healthy primary steps down when its store is gone"),
    "rewind": (_WARNING, "without pg_rewind an old primary has to be copied anew before it is a standby again"),
}
_MISSING: Final = "a server that was approved is missing: the others carry its share, and there is less redundancy"
_EXTRA: Final = "requests go to a server that nobody approved"
_OTHER: Final = (_WARNING, "it is not what was approved")


def known(difference: Difference) -> tuple[Grade, str]:
    """Return how bad a difference is, and why it matters."""
    if difference.how == "unread":
        return Grade.UNREAD, "what can't be read can't be compared with what was approved"
    if difference.how == "missing":
        return _SEVERE, _MISSING
    if difference.how == "extra":
        backend = "servers" not in difference.path
        return (Grade.NOTE, "no standard says anything about it") if backend else (_SEVERE, _EXTRA)
    return KNOWN.get(_word(difference.path), _OTHER)


def _word(path: Path) -> str:
    return path[-1] if "parameters" not in path else ""
