"""Passwords that stand in a file in clear, where no field says that it takes a secret."""

import re
from typing import Final

from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Listing, Node, Scalar

_IN_URL: Final = re.compile(r"://[^/?#\s@:]*:[^/?#\s@]+@")


def refuse_passwords(node: Node, mistakes: Mistakes) -> None:
    """Note every URL that holds a password, without repeating it."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and _IN_URL.search(node.value):
            mistakes.spoil(node.place, "a URL with a password in it; give secrets as references (env:NAME, file:/PATH)")
        return
    inner = node.items if isinstance(node, Listing) else [entry.node for entry in node.entries.values()]
    for one in inner:
        refuse_passwords(one, mistakes)
