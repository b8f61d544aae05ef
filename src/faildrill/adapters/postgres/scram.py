"""SCRAM-SHA-256, the client's side (RFC 5802 and 7677, as PostgreSQL uses it, without channel binding)."""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from typing import Final

MECHANISM: Final = "SCRAM-SHA-256"
_HEADER: Final = "n,,"
_MOST: Final = 200_000
"""Rounds of hashing that a server may ask for: more would only keep this process busy."""


class Scram:
    """One exchange: the first message, the second for the server's first, and whether its last one is right."""

    def __init__(self, password: str) -> None:
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._bare = f"n=,r={secrets.token_urlsafe(18)}"  # PostgreSQL takes the user from the startup message
        self._proof = b""

    def first(self) -> bytes:
        """Return the first message."""
        return f"{_HEADER}{self._bare}".encode()

    def second(self, said: str) -> bytes:
        """Return the answer to the server's first message; ValueError when that is none."""
        nonce, salt, rounds = _fields(said, "r", "s", "i")
        if not nonce.startswith(self._bare.partition("r=")[2]) or not 0 < int(rounds) <= _MOST:
            raise ValueError("the server's part of the exchange is not right")
        without_proof = f"c={base64.b64encode(_HEADER.encode()).decode()},r={nonce}"
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(salt), int(rounds))
        key = _mac(salted, b"Client Key")
        message = f"{self._bare},{said},{without_proof}".encode()
        signature = _mac(hashlib.sha256(key).digest(), message)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        self._proof = _mac(_mac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def is_right(self, said: str) -> bool:
        """Tell whether the server's last message proves that it knows the password too; ValueError when it is none."""
        [verifier] = _fields(said, "v")
        return bool(self._proof) and hmac.compare_digest(base64.b64decode(verifier), self._proof)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _fields(said: str, *names: str) -> list[str]:
    parts = [part.partition("=") for part in said.split(",")]
    if [name for name, _, _ in parts[: len(names)]] != list(names):
        raise ValueError("a field is missing")
    return [value for _, _, value in parts[: len(names)]]
