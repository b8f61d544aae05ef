"""What was approved: the settings that somebody has agreed on, as a file says them."""

from collections.abc import Mapping
from typing import ClassVar, Self, TypeVar

from pydantic import Field, model_validator

from faildrill.ports import Duration
from faildrill.ports.target import Target
from faildrill.standards.server_address import canonical
from faildrill.standards.settings import Backend, Failover, Part, Server, Settings, SettingsRead, overlaid

_Part = TypeVar("_Part", bound=Part)


class ApprovedBackend(Backend):
    """A backend as it should be; what it says nothing about may be as it likes."""

    every_server: Server | None = Field(default=None, description="what holds for every server that says nothing else")
    detected_within: Duration | None = Field(
        default=None, description="the longest that a dead server may stay in use, whatever it dies of"
    )

    @model_validator(mode="after")
    def _names_servers(self) -> Self:
        if self.every_server is not None and not self.servers:
            raise ValueError("`every_server` needs `servers`: which ones belong here?")
        return self

    @property
    def whole(self) -> Backend:
        """The backend with what holds for every server put into each."""
        common = self.every_server or Server()
        servers = {name: overlaid(common, own) for name, own in (self.servers or {}).items()}
        fields = {name: getattr(self, name) for name in Backend.model_fields}
        return Backend.model_construct(**{**fields, "servers": servers or None})


class Standard(Target):
    """The approved settings of a load balancer, or of what fails a cluster over."""

    section: ClassVar[str] = "standards"

    about: str = ""
    owner: str = Field(default="", description="who approves a change")
    reviewed: str = Field(default="", description="when it was looked through last, e.g. 2026-11-22")
    backends: dict[str, ApprovedBackend] | None = None
    failover: Failover | None = None
    failed_over_within: Duration | None = Field(
        default=None, description="the longest that a dead primary may stay without a successor"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.backends and self.failover is None and self.failed_over_within is None:
            raise ValueError("says nothing: give `backends`, `failover`, or both")
        return self

    @property
    def settings(self) -> Settings:
        """What should be set, in the shape that is read."""
        backends = {name: backend.whole for name, backend in (self.backends or {}).items()}
        return Settings.model_construct(backends=backends or None, failover=self.failover)

    def spelled_as(self, reading: SettingsRead) -> "Standard":
        """Return it with the names of what is there, where these are the same in another case, or another spelling."""
        there = reading.live.backends or {}
        others = {name: reading.spelled.get(("backends", name), frozenset()) for name in there}
        backends = {}
        for name, backend in _renamed(self.backends or {}, others).items():
            servers = (there[name].servers if name in there else None) or {}
            addresses = {
                server: reading.spelled.get(("backends", name, "servers", server, "address"), frozenset())
                for server in servers
            }
            backends[name] = backend.model_copy(update={"servers": _renamed(backend.servers or {}, addresses) or None})
        return self.model_copy(update={"backends": backends or None})


def _renamed(approved: Mapping[str, _Part], there: Mapping[str, frozenset[str]]) -> dict[str, _Part]:
    """Give what was approved the names of what is there, each with its other spellings.

    Of several that mean one thing only the first is that one.
    """
    left = {form: name for name, others in there.items() if name not in approved for form in (*others, canonical(name))}
    renamed: dict[str, _Part] = {}
    for name, part in approved.items():
        same = name if name in there else left.get(canonical(name), name)
        renamed[name if same in renamed else same] = part
    return renamed
