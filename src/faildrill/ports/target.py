"""What a file names: kinds, and the targets that they are given; each world has classes of its own for both.

A kind whose field is annotated with a class of targets takes a *name* in a drill file; loading puts the whole target
in its place, so that a kind, an intent on disk and a probing process need no environment file.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from faildrill.ports.addresses import Address as Address
from faildrill.ports.addresses import an_address


class Kind(BaseModel):
    """What a file names: the fields are its parameters, and unknown ones are refused.

    Here as everywhere `defer_build` has a model built when it is first used: no process uses more than a few of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False, defer_build=True)


class KindUse(BaseModel):
    """A kind named in a file, with its parameters as data: what can be written down and built again."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: str
    params: dict[str, JsonValue] = {}


class PathMark:
    """Marks a field that holds a path of a file or folder."""


class FolderMark(PathMark):
    """Marks a field that holds the folder where something begins: that of the file that names it, if left out."""


class MaybePathMark:
    """Marks a field whose value, or the first of a list, is a path where it has a slash, and else a name or address."""


class MaybeSecretMark:
    """Marks a field of text that may be a reference to a secret instead."""


FilePath = Annotated[str, PathMark(), Field(description="a path, from the folder of the file that names it")]
"""A field that holds a path; loading makes it absolute, so that whoever works with it may stand in any folder."""
Folder = Annotated[str, FolderMark()]
"""A field that holds the folder where a program begins; one that was taken by default ends with a slash."""
Program = Annotated[str, MaybePathMark()]
"""A field that holds a program; loading makes one with a slash absolute, from the folder of the file that names it."""


def _path_or_address(value: str) -> str:
    """Accept a path, or HOST:PORT: what ends like a port is one, also in digits that no server reads."""
    is_address = "/" not in value and ":" in value and value.rpartition(":")[2].isdecimal()
    return an_address(value) if is_address else value


Socket = Annotated[str, MaybePathMark(), AfterValidator(_path_or_address)]
"""A field that holds the path of a socket, or HOST:PORT."""
BLAST_RADIUS: Final = "blast_radius"
"""The key of an environment's rule of how many members of a target one drill may touch."""


class Target(Kind):
    """A thing in the environment, in the words of its world; the fields are what an environment file says of it.

    `section` is where an environment file lists such things. A field `members` holds its members by name. What else the
    engine wants to know is below, and is right for most worlds as it is.
    """

    section: ClassVar[str]
    stands_for: ClassVar[str] = ""
    """The field that `${section.name}` means; without one it means the whole, as a mapping."""

    name: str = Field(description="given by its key in the environment file")
    unproven: str | None = Field(
        default=None,
        min_length=8,
        pattern=r"\S",
        description="why no guard can prove what it is; repeated in every plan and report of a drill that acts on it",
    )

    @property
    def nodes(self) -> Mapping[str, "Member"]:
        """Its members by name, from its field `members`; none where it is one thing."""
        members: Mapping[str, Member] = getattr(self, "members", {})
        return members

    @property
    def addresses(self) -> list[str]:
        """HOST:PORT of everything that answers for it, its members among them."""
        return [address for member in self.nodes.values() for address in member.addresses]

    @classmethod
    def proves(cls, declared: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return what of such a target, as data, says which place it is; the rest says how it is asked.

        An environment's marks and locks are kept under this, so it is the same from every checkout and under any user.
        """
        return {key: value for key, value in declared.items() if key != "unproven"}

    @classmethod
    def rules(cls) -> tuple[str, ...]:
        """Return the rules of an environment that may name such targets: `BLAST_RADIUS` where it has members."""
        return (BLAST_RADIUS,) if "members" in cls.model_fields else ()

    def touched(self, touches: Collection[str]) -> list[str]:
        """Return which members are among those that previews name as `TARGET/MEMBER`, sorted."""
        return sorted(node for node in self.nodes if f"{self.name}/{node}" in touches)


class Member(BaseModel):
    """One node or process of a target."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str = Field(description="given by its key in the environment file")
    reach: KindUse | None = Field(
        default=None, description="how it is signalled, started and looked at: a name from `reaches`"
    )

    @property
    def addresses(self) -> list[str]:
        """HOST:PORT of everything that is its own and answers: what its reach must lead to."""
        return []


class Encryption(BaseModel):
    """What a target says of encrypted connections to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    tls: bool = Field(
        default=False, description="true: every connection is encrypted, and the server's certificate checked"
    )
    ca: FilePath | None = Field(
        default=None, description="a file with the authorities that may sign that certificate; by default the system's"
    )
    certificate: FilePath | None = Field(default=None, description="the client certificate, if the servers ask for one")
    certificate_key: FilePath | None = Field(
        default=None, description="the key of the client certificate, if it is in a file of its own"
    )

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if not self.tls and (self.ca or self.certificate or self.certificate_key):
            raise ValueError("`ca` and `certificate` say how to encrypt: write `tls: true`, too")
        return self


def is_default_folder(folder: object) -> bool:
    """Tell whether a folder is that of the file, taken as none was written: only such a one ends with a slash."""
    return isinstance(folder, str) and len(folder) > 1 and folder.endswith("/")
