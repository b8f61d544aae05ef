"""Secrets are references, resolved as late as possible, and never printed."""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import core_schema

from faildrill.errors import UnresolvedSecret, reason
from faildrill.system import bounded_read, redaction
from faildrill.system.redaction import HIDDEN as HIDDEN

_KINDS: Final = ("env", "file")
_LARGEST: Final = 1 << 16
"""Bytes of a file that holds a secret."""


class Secret:
    """A secret value: it never prints, and only `reveal()` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value; call it in the argument list of what needs it, and keep it nowhere."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret is not written down")


class Reference:
    """Where a secret is: `env:NAME` or `file:PATH`; the reference itself is no secret."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        kind, colon, rest = text.partition(":")
        if kind not in _KINDS or not colon or not rest:
            raise ValueError("a secret is given as a reference, env:NAME or file:/PATH, never as itself")
        self.text = text

    def resolve(self) -> Secret:
        """Look the secret up now; UnresolvedSecret says which reference leads nowhere and how to give it.

        From here on this process keeps the value out of everything that it writes down.
        """
        value = self._looked_up()
        try:
            redaction.learn(value)
        except ValueError as error:
            raise UnresolvedSecret(f"{self.text}: {error}; give a longer one") from error
        return Secret(value)

    def _looked_up(self) -> str:
        kind, _, rest = self.text.partition(":")
        if kind == "env":
            value = os.environ.get(rest)
            if value is None:
                raise UnresolvedSecret(f"{self.text}: the variable is not set; export {rest}=… and try again")
            return value
        try:
            return bounded_read.read(Path(rest).expanduser(), _LARGEST).decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            why = "it is no text"
        except RuntimeError:
            why = "nobody knows the home folder that ~ stands for"
        except OSError as error:
            why = reason(error)
        raise UnresolvedSecret(f"{self.text}: can't be read ({why}); put the secret there, mode 0600")

    def __repr__(self) -> str:
        return f"Reference({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Self], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Read from a string, keep a reference, write the string again."""
        return core_schema.no_info_plain_validator_function(
            cls._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda one: one.text),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe the string for editors."""
        return {
            "type": "string",
            "pattern": "^(env|file):.+",
            "description": "a reference: env:NAME or file:/PATH",
        }

    @classmethod
    def _validated(cls, value: object) -> "Reference":
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        raise ValueError("a secret is given as a reference, env:NAME or file:/PATH")


SecretReference = Annotated[Reference, WithJsonSchema({"type": "string", "pattern": "^(env|file):.+"})]
"""A field that takes a reference to a secret."""
