"""What a bundle holds: the records of runs, the chain of their history, and the digest of every file.

README.txt               what this is, for whoever finds it
SHA256SUMS               the SHA-256 of every other file, as `sha256sum` writes and checks it
SHA256SUMS.sig           its signature, where it is signed
bundle.json              what the bundle says that it holds
chain.jsonl              the chain of the history, whole, where there is one
runs/RUN/manifest.json   what the files of a run were each time it was sealed
runs/RUN/…               its timeline, its looks, its ledgers and counts, its result
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from faildrill import __version__
from faildrill.bundling import signature, tar_file
from faildrill.bundling.tar_file import Member
from faildrill.clock import Clock
from faildrill.errors import FaildrillError, WrongUsage, reason
from faildrill.guarding.known_secrets import keep_secret
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.record import chain, manifest
from faildrill.record.timeline import FILE as TIMELINE
from faildrill.record.timeline import entries, start_in
from faildrill.system import atomic_file, redaction
from faildrill.system.bounded_read import regular

FORMAT: Final = 1
ABOUT, SUMS, SIGNATURE, CLAIM = "README.txt", "SHA256SUMS", "SHA256SUMS.sig", "bundle.json"
RUNS: Final = "runs/"
_WORDS: Final = (".jsonl", ".json", ".names", ".spread")
"""How the files end that hold text, in which a secret could be."""
_LONGEST_LINE: Final = 1 << 26
_PIECE: Final = 1 << 22
_OVERLAP: Final = 1 << 20
"""Bytes of a piece that are looked through again with the next: a secret may lie across the two."""
_README: Final = b"""These are the records of failover drills, as faildrill wrote them.

    sha256sum -c SHA256SUMS              are all files as they were when this was made?
    faildrill bundle verify FILE         that, the signature, and whether a run is missing
    python3 verify.py FILE               verdicts and outages, computed anew from the raw looks

The last one is contrib/verify.py of faildrill: a hundred lines of plain Python, which need nothing
else. Get it from there, not from whoever gave you this file. docs/evidence.md explains all of it.
"""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """All runs that began in a span of time: from the first of these moments on, and before the other."""

    since: str
    until: str = ""
    """Empty: there is no end."""
    drill: str = ""
    """Empty: of all drills."""

    def holds(self, began: str, drill: str) -> bool:
        """Tell whether a run is one of them, given when it began (UTC, ISO 8601) and its drill."""
        return self.since <= began and (not self.until or began < self.until) and self.drill in ("", drill)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle says that it holds."""

    format: int = FORMAT
    made_by: str
    runs: list[str]
    complete: Span | None = None
    """None: the runs were chosen one by one."""


def begun_in(span: Span, runs: Path) -> list[Path]:
    """Return the folders of the runs that began in a span, in that order; those within sets are among them.

    WrongUsage where one holds a run of which nobody can tell when it began, or the chain can't be read.
    """
    links = chain.decode(_chain_in(runs) or b"").links
    entered = {link.what.run: link for link in links if isinstance(link.what, chain.Begun)}
    folders = [path.parent for path in (*runs.glob(f"*/{TIMELINE}"), *runs.glob(f"*/*/{TIMELINE}"))]
    by_begin: list[tuple[str, Path]] = []
    for folder in folders:
        first = _first(folder)
        link = entered.get(chain.name_of(folder))
        began = link.wall if link is not None else first.wall
        if span.holds(began, first.what.drill.name):
            by_begin.append((began, folder))
    return [folder for _, folder in sorted(by_begin)]


def _chain_in(runs: Path) -> bytes | None:
    """Return the chain of a history; None where there is none. WrongUsage where it can't be read."""
    try:
        return chain.content(runs)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WrongUsage(f"no bundle is written: {runs / chain.FILE}: {reason(error)}") from error


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Start(msgspec.Struct, frozen=True):
    drill: _Named


class _First(msgspec.Struct, frozen=True):
    """Of the first line of a timeline, what a span asks."""

    wall: str
    what: _Start


def _first(folder: Path) -> _First:
    try:
        with regular(folder / TIMELINE) as file:
            return msgspec.json.decode(file.readline(_LONGEST_LINE), type=_First)
    except (OSError, *chain.UNREADABLE) as error:
        raise WrongUsage(f"{folder}: nobody can tell when it began ({error}): name the runs one by one") from error


def write(path: Path, folders: Sequence[Path], span: Span | None, key: Path | None, clock: Clock) -> None:
    """Write a bundle of the runs in these folders, signed where a key is given; whole or not at all.

    Each run is sealed first, where that can be done. Raises WrongUsage where they are of several histories, hold a
    secret, or can't be signed, and where a file can't be read or written.
    """
    homes = sorted({chain.home(folder) for folder in folders})
    if len(homes) != 1:
        raise WrongUsage(f"these runs are of several histories: {', '.join(map(str, homes))}; make a bundle of each")
    try:
        members = [*_members(folders, homes[0], span, clock)]
        sums = "".join(f"{_digest(member)}  {member.name}\n" for member in members).encode()
        beside = [Member(SUMS, sums)]
        if key is not None:
            beside.append(Member(SIGNATURE, signature.sign(sums, key)))
        with atomic_file.draft(path, atomic_file.SHARED) as draft, draft.open("wb") as file:
            tar_file.write(file, [members[0], *beside, *members[1:]])
    except (OSError, ValueError) as error:
        where = getattr(error, "filename", None) or path
        raise WrongUsage(f"no bundle is written: {where}: {reason(error)}") from error


def _members(folders: Sequence[Path], home: Path, span: Span | None, clock: Clock) -> Iterator[Member]:
    runs = [*_runs(folders, clock)]  # sealing them writes to the chain
    claim = Claim(made_by=f"faildrill {__version__}", runs=[chain.name_of(folder) for folder in folders], complete=span)
    yield Member(ABOUT, _README)
    yield Member(CLAIM, msgspec.json.format(msgspec.json.encode(claim), indent=2) + b"\n")
    if (content := _chain_in(home)) is not None:
        yield Member(chain.FILE, content)
    yield from runs


def _runs(folders: Sequence[Path], clock: Clock) -> Iterator[Member]:
    for folder in folders:
        with suppress(OSError):  # of an archive that can't be written to the chain lacks it, which checking tells
            manifest.seal(folder, clock)
        sealed, within = manifest.sealing(folder).manifest, f"{RUNS}{chain.name_of(folder)}/"
        _refuse_secrets(folder, [*sealed.seals[-1]])
        yield Member(within + manifest.FILE, manifest.encode(sealed))
        for name, kept in sealed.seals[-1].items():
            yield Member(within + name, folder / name, kept.size)


def _digest(member: Member) -> str:
    if isinstance(member.content, bytes):
        return manifest.digest(member.content)
    return manifest.kept(member.content, member.size).sha256


def _refuse_secrets(folder: Path, names: Sequence[str]) -> None:
    """Look once more for what must never have been written: the secrets that a run refers to, as they are here."""
    with suppress(FaildrillError, ValueError):
        first = start_in(folder, entries(folder / TIMELINE))
        keep_secret(Drill.model_validate(first.drill), Environment.model_validate(first.place))
    for name in names:
        if name.endswith(_WORDS) and any(map(redaction.holds_secret, _pieces(folder / name))):
            raise WrongUsage(f"{folder / name} holds a secret that the drill refers to: nothing is bundled")


def _pieces(path: Path) -> Iterator[str]:
    """Read a text, however long, in pieces that overlap by more than a secret has in any form."""
    with regular(path) as file:
        tail = b""
        while piece := file.read(_PIECE):
            yield os.fsdecode(tail + piece)
            tail = piece[-_OVERLAP:]
