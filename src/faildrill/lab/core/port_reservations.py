"""TCP ports of the loopback that belong to one lab for as long as it lives, also while nobody listens on them.

A reservation is a bound socket that never listens. Linux lets a server bind the same port when both sides set
SO_REUSEADDR and nobody listens there yet (PostgreSQL, etcd, HAProxy, Python's servers all set it), while it gives
the port to nobody who asks for any free one, neither to bind nor to connect from. So two labs that start at once
never get the same port, and a crashed node finds its port free when it comes back.
"""

import socket

LOOPBACK = "127.0.0.1"


class Reservations:
    """The ports of one lab, by what they are for."""

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def port(self, purpose: str) -> int:
        """Return the port for this purpose; the first time it is asked for, a free one is taken."""
        if purpose not in self._held:
            self._held[purpose] = _reserve()
        number: int = self._held[purpose].getsockname()[1]
        return number

    def close(self) -> None:
        """Give all of them back."""
        for held in self._held.values():
            held.close()
        self._held.clear()


def _reserve() -> socket.socket:
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((LOOPBACK, 0))
    return held
