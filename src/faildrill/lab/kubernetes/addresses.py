"""Where things are: as the API has it, and where the process that stands for them listens; one mapping, both ways.

The API refuses loopback addresses for endpoints, so there pods, nodes and Services have private ones. On this machine
each of them is the loopback address with the same last three numbers; nothing is ever sent to a private one.
"""

from typing import Final

_TOLD: Final = "10."
_LISTENING: Final = "127."
_NODES: Final = "10.63.0"
_PODS: Final = "10.64"
API: Final = f"{_NODES}.1"
"""The API server, as the Service `kubernetes` has it."""
SERVICES: Final = "10.96.0.0/16"
API_SERVICE: Final = "10.96.0.1"
"""The first address of the Services, which the API server takes for itself."""
PAYMENTS: Final = "10.96.0.80"
"""The Service of the payment servers."""


def node(number: int) -> str:
    """Return the address of a node, by its number from 1."""
    return f"{_NODES}.{10 + number}"


def pod(node_number: int, number: int) -> str:
    """Return the address of a pod: that of the node's own network with a number from 2."""
    return f"{_PODS}.{node_number}.{number}"


def listening(told: str) -> str:
    """Return where on this machine is what the API has at an address; ValueError when it is none of the lab's."""
    return _instead(told, _TOLD, _LISTENING)


def told(listening: str) -> str:
    """Return the address by which the API has what listens here; ValueError when it is none of the lab's."""
    return _instead(listening, _LISTENING, _TOLD)


def _instead(address: str, begins: str, instead: str) -> str:
    network = address.removeprefix(begins).partition(".")[0]
    if not address.startswith(begins) or network not in ("63", "64", "96"):
        raise ValueError(f"{address} is no address of the lab's")
    return instead + address.removeprefix(begins)
