"""A request over HTTP/1.1 as it is declared, and as it goes over the wire."""

import json as formats
import re
import ssl
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import AfterValidator, Field, JsonValue, model_validator

from faildrill.ports import Kind
from faildrill.ports.addresses import Url, in_ascii
from faildrill.ports.target import FilePath
from faildrill.secrets import SecretReference
from faildrill.system import bounded_read

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2): what the name of a header is made of."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What would end a line of a request, or be taken for its end by somebody on the way."""
_FRAMING: Final = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers, in small letters, that tell where a message ends and its connection goes: the sender's own."""
_NOT_IN_A_HEADER: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
"""All but what a field's value may hold (RFC 9110, 5.5)."""
_SAFE: Final = "/%:@!$&'()*+,;=~-._"
"""What stays as it is in a target: reserved characters of RFC 3986, and % as the author may have escaped some
already."""


def no_injection(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers as they are; ValueError when one of them could hold more than itself."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a header")
        if _NOT_IN_A_HEADER.search(value):
            raise ValueError(f"the header {name} has a character in it that no header can hold")
    return headers


def names_of_headers(names: Iterable[str]) -> None:
    """ValueError when one of the names can't be a header's, or is one that only the sender can write."""
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a header")
        if name.lower() in _FRAMING:
            raise ValueError(f"the header {name} says how a message is sent, which `body` and `connection` decide")


def _declared(headers: dict[str, str]) -> dict[str, str]:
    names_of_headers(headers)
    return no_injection(headers)


def _declared_secrets(headers: dict[str, SecretReference]) -> dict[str, SecretReference]:
    names_of_headers(headers)
    return headers


def _a_method(method: str) -> str:
    if method == "CONNECT":
        raise ValueError("CONNECT asks for a tunnel, and nothing could be asked of the service through it")
    return method


def finite(value: JsonValue) -> JsonValue:
    """Return a value as it is; ValueError when JSON can't say it."""
    try:
        formats.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("JSON has no number that is infinite, or none") from None
    return value


Method = Annotated[str, Field(pattern=r"^[A-Z]+$", description="the HTTP method"), AfterValidator(_a_method)]
"""A field for a method that asks something of a service."""
Headers = Annotated[dict[str, str], AfterValidator(_declared)]
"""A field for headers, by name."""
SecretHeaders = Annotated[dict[str, SecretReference], AfterValidator(_declared_secrets)]
"""A field for headers whose values are secrets, by name."""
JsonBody = Annotated[JsonValue, AfterValidator(finite)]
"""A field for a body of JSON."""


class Sent(Kind):
    """What is sent, and over which connections."""

    url: Url = Field(description="the URL to ask")
    method: Method = "GET"
    headers: Headers = Field(default={}, description="request headers")
    secret_headers: SecretHeaders = Field(default={}, description="headers whose value is a secret")
    json_body: JsonBody = Field(default=None, alias="json", description="sent as JSON")
    body: str | None = Field(default=None, description="sent as it is")
    connection: Literal["fresh", "kept"] = Field(
        default="fresh",
        description="a new connection for each look, or persistent ones; the two see different outages",
    )
    ca: FilePath | None = Field(default=None, description="a file of certificates to trust instead of the system's")
    server_name: Annotated[str, AfterValidator(in_ascii)] | None = Field(
        default=None, description="the name that the server's certificate must hold"
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_body is not None and self.body is not None:
            raise ValueError("a request has `json` or `body`, not both")
        return self


def wire(request: Sent) -> bytes:
    """Write the request as it goes over the wire; UnresolvedSecret when a secret of it can't be found."""
    parts = urlsplit(request.url)
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else "")
    body, sort = b"", None
    if request.json_body is not None:
        body, sort = formats.dumps(request.json_body).encode(), "application/json"
    elif request.body is not None:
        body, sort = request.body.encode(), "text/plain; charset=utf-8"
    headers = {
        "Host": parts.netloc if parts.netloc.isascii() else _host(parts),
        "User-Agent": "faildrill",
        "Accept": "*/*",
        # Not compressed: `text` is looked for as bytes come, and a probe must not cost the server more than a user
        # does.
        "Accept-Encoding": "identity",
        "Connection": "close" if request.connection == "fresh" else "keep-alive",
    }
    if sort:
        headers["Content-Type"] = sort
    # RFC 9110, 8.6: methods that have a body send its length also where it is empty.
    if body or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body))
    secrets = {name: reference.resolve().reveal() for name, reference in request.secret_headers.items()}
    given = {**request.headers, **no_injection(secrets)}
    overridden = {name.lower() for name in given}
    lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in overridden]
    lines += [f"{name}: {value}" for name, value in given.items()]
    # Latin-1, as header values are bytes (RFC 9110, 5.5); anything beyond was refused before.
    return "\r\n".join([f"{request.method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


def _host(parts: SplitResult) -> str:
    host = in_ascii(parts.hostname or "")
    return f"{host}:{parts.port}" if parts.port else host


def trust(request: Sent) -> dict[str, Any]:
    """Return the options that make a connection one over TLS; none for plain HTTP."""
    parts = urlsplit(request.url)
    if parts.scheme == "http":
        return {}
    if request.ca is not None:
        bounded_read.check(request.ca)
    return {
        "ssl": ssl.create_default_context(cafile=request.ca),
        "server_hostname": request.server_name or in_ascii(parts.hostname or ""),
    }
