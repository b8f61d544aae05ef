"""SCRAM-SHA-256, the client's side (RFC 5802 and 7677, as PostgreSQL uses it, without channel binding)."""

import base64
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from typing import Final

MECHANISM: Final = "SCRAM-SHA-256"
"""The only one of PostgreSQL's without channel binding (its protocol's chapter on SASL)."""
_HEADER: Final = "n,,"
"""GS2: no channel binding, and no other name to act as (RFC 5802, 7)."""
_MOST: Final = 200_000
"""Rounds of hashing that a server may ask for: more would only keep this process busy."""
_FORBIDDEN: Final = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
"""What SASLprep lets into no password (RFC 4013, 2.3 and 2.5)."""


def prepared(password: str) -> bytes:
    """Return the bytes of a password that both sides hash: as SASLprep has it, RFC 4013.

    PostgreSQL takes one that SASLprep forbids as it stands, and so does this.
    """
    spaced = [" " if stringprep.in_table_c12(character) else character for character in password]
    made = unicodedata.normalize(
        "NFKC", "".join(character for character in spaced if not stringprep.in_table_b1(character))
    )
    is_forbidden = (
        not made or any(table(character) for table in _FORBIDDEN for character in made) or _mixes_directions(made)
    )
    return (password if password.isascii() or is_forbidden else made).encode()


def _mixes_directions(text: str) -> bool:
    """Tell whether a text breaks the rule of writing from right to left (RFC 3454, 6)."""
    if not any(stringprep.in_table_d1(character) for character in text):
        return False
    ends_right = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends_right or any(stringprep.in_table_d2(character) for character in text)


class Scram:
    """One exchange: the first message, the second for the server's first, and whether its last one is right."""

    def __init__(self, password: str) -> None:
        self._password = prepared(password)
        self._bare = f"n=,r={secrets.token_urlsafe(18)}"  # PostgreSQL takes the user from the startup message
        self._proof = b""

    def first(self) -> bytes:
        """Return the first message."""
        return f"{_HEADER}{self._bare}".encode()

    def second(self, said: str) -> bytes:
        """Return the answer to the server's first message; ValueError when that is none."""
        nonce, salt, rounds = _fields(said, "r", "s", "i")
        # RFC 5802, 5.1: the server's nonce must begin with ours, or its answer is to somebody else's exchange.
        if not nonce.startswith(self._bare.partition("r=")[2]) or not 0 < int(rounds) <= _MOST:
            raise ValueError("the server's part of the exchange is not right")
        without_proof = f"c={base64.b64encode(_HEADER.encode()).decode()},r={nonce}"
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(salt), int(rounds))
        key = _mac(salted, b"Client Key")
        message = f"{self._bare},{said},{without_proof}".encode()
        signature = _mac(hashlib.sha256(key).digest(), message)
        proof = bytes(byte ^ other for byte, other in zip(key, signature, strict=True))
        self._proof = _mac(_mac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def is_right(self, said: str) -> bool:
        """Tell whether the server's last message proves that it knows the password too; ValueError when it is none."""
        [verifier] = _fields(said, "v")
        # Compared in constant time; and a server that knows the password is not yet the one that was meant.
        return bool(self._proof) and hmac.compare_digest(base64.b64decode(verifier), self._proof)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _fields(said: str, *names: str) -> list[str]:
    parts = [part.partition("=") for part in said.split(",")]
    if [name for name, _, _ in parts[: len(names)]] != list(names):
        raise ValueError("a field is missing")
    return [value for _, _, value in parts[: len(names)]]
