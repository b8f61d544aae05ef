"""What of a bundle is right, wrong and missing: its digests, its signature, its chain, and every run against its seals.

A verdict is not computed anew here: `contrib/verify.py` does that, with nothing of faildrill.
"""

import enum
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from faildrill.bundling import signature, tar_file
from faildrill.bundling.contents import CLAIM, FORMAT, RUNS, SIGNATURE, SUMS, Claim
from faildrill.bundling.tar_file import Archive, NotOurs
from faildrill.record import chain, manifest
from faildrill.record.timeline import FILE as TIMELINE
from faildrill.system.exit_codes import ExitCode

_LARGEST: Final = 1 << 28
_FIRST_LINE: Final = 1 << 26


class Level(enum.StrEnum):
    """What a sentence says of a bundle, the worst first."""

    WRONG = "WRONG"
    MISSING = "MISSING"
    UNTOLD = "CAN'T TELL"
    NOTE = "note"
    RIGHT = "right"


class Said(NamedTuple):
    """One sentence about a bundle."""

    level: Level
    text: str


@dataclass
class Report:
    """All that is to be said of a bundle."""

    said: list[Said] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """How a command ends that has found this."""
        levels = {statement.level for statement in self.said}
        if levels & {Level.WRONG, Level.MISSING}:
            return ExitCode.FAILED
        return ExitCode.INCONCLUSIVE if Level.UNTOLD in levels else ExitCode.PASSED


class Trust(NamedTuple):
    """What whoever checks a bundle has besides it."""

    allowed_signers: Path | None = None
    after: Path | None = None
    """An older bundle of the same history."""


def check(path: Path, trust: Trust) -> Report:
    """Check a bundle; OSError where a file can't be read."""
    try:
        with tar_file.opened(path) as archive:
            return Report([*_Check(archive, trust).said()])
    except NotOurs as error:
        return Report([Said(Level.WRONG, f"this is no bundle as faildrill writes one: {error}")])


class _Check:
    """Checks one bundle that is open."""

    def __init__(self, archive: Archive, trust: Trust) -> None:
        self._archive = archive
        self._trust = trust
        self._digests = {name: archive.digest(name) for name in archive.names}
        self._runs = sorted({name[len(RUNS) :].rpartition("/")[0] for name in archive.names if name.startswith(RUNS)})
        self._chain = chain.ChainRead([])

    def said(self) -> Iterator[Said]:
        """Say all that there is to say, in the order in which it is built upon each other."""
        yield from self._sums()
        yield self._signature()
        claim = self._claim()
        if isinstance(claim, Said):
            yield claim
            return
        yield from self._history()
        troubles = [statement for run in self._runs for statement in self._run(run)]
        yield from troubles
        if not troubles:
            yield Said(Level.RIGHT, f"{_runs(len(self._runs))}: every record is as it was when the run was sealed")
        yield from self._complete(claim)
        yield from self._after()

    def _sums(self) -> Iterator[Said]:
        if SUMS not in self._digests:
            yield Said(Level.WRONG, f"there is no {SUMS}: nothing tells what the files are to be")
            return
        listed = {name: digest for name, digest in self._digests.items() if name not in (SUMS, SIGNATURE)}
        text = "".join(f"{digest}  {name}\n" for name, digest in listed.items()).encode()
        listed_there = self._archive.read(SUMS, _LARGEST)
        if listed_there == text:
            yield Said(Level.RIGHT, f"all {len(listed)} files are as {SUMS} says")
            return
        here, there = {*text.splitlines()}, {*listed_there.splitlines()}
        yield Said(Level.WRONG, f"{SUMS} and the files differ: one of the two was changed")
        for line in sorted(here ^ there)[:10]:
            where = "found" if line in here else f"said by {SUMS}"
            yield Said(Level.WRONG, f"{where}: {line.decode('utf-8', 'replace')}")

    def _signature(self) -> Said:
        allowed = self._trust.allowed_signers
        if SIGNATURE not in self._digests:
            told = "it is not signed: whoever can write a file can have made all of it"
            return Said(Level.NOTE if allowed is None else Level.WRONG, told)
        message, written = self._archive.read(SUMS, _LARGEST), self._archive.read(SIGNATURE, signature.LARGEST)
        holds, because = signature.check(message, written, allowed)
        if holds is None:
            return Said(Level.NOTE if because.startswith("signed") else Level.UNTOLD, because)
        return Said(Level.RIGHT if holds else Level.WRONG, because)

    def _claim(self) -> Claim | Said:
        try:
            claim = msgspec.json.decode(self._archive.read(CLAIM, _LARGEST), type=Claim)
        except (KeyError, *chain.UNREADABLE) as error:
            return Said(Level.WRONG, f"{CLAIM} is not there, or none that this version reads: {error}")
        if claim.format > FORMAT:
            return Said(Level.UNTOLD, f"it is of format {claim.format}, this version reads {FORMAT}: update faildrill")
        if sorted(claim.runs) != self._runs:
            differing = ", ".join(sorted({*claim.runs} ^ {*self._runs}))
            return Said(Level.WRONG, f"{CLAIM} names other runs than there are: {differing}")
        return claim

    def _history(self) -> Iterator[Said]:
        """Read the chain, and say whether it is whole."""
        if chain.FILE not in self._digests:
            yield Said(Level.UNTOLD, "there is no chain of the history: nothing tells whether runs were left out")
            return
        self._chain = chain.decode(self._archive.read(chain.FILE, _LARGEST))
        if self._chain.broken is not None:
            yield Said(Level.WRONG, f"the chain breaks at line {self._chain.broken}: {self._chain.because}")
        elif self._chain.links:
            since, until = self._chain.links[0].wall[:10], self._chain.links[-1].wall[:10]
            whole = f"the chain of the history is whole: {_runs(len(self._begun()))} begun, from {since} to {until}"
            yield Said(Level.RIGHT, whole)

    def _begun(self) -> dict[str, chain.Link]:
        return {link.what.run: link for link in self._chain.links if isinstance(link.what, chain.Begun)}

    def _run(self, run: str) -> Iterator[Said]:
        """Say what of a run is not as it was sealed."""
        within = f"{RUNS}{run}/"
        try:
            seals = manifest.decode(self._archive.read(within + manifest.FILE, _LARGEST))
        except (KeyError, ValueError) as error:
            yield Said(Level.WRONG, f"{run}: its {manifest.FILE} is not there or can't be read: {error}")
            return
        here = {name[len(within) :] for name in self._archive.names if name.startswith(within)} - {manifest.FILE}
        for name in sorted(here ^ {*seals.seals[-1]}):
            yield Said(Level.WRONG, f"{run}: {name} {'was never sealed' if name in here else 'is gone'}")
        if seals.run != run:
            yield Said(Level.WRONG, f"{run}: its {manifest.FILE} is of {seals.run}")
        for number, seal in enumerate(seals.seals, 1):
            is_last = number == len(seals.seals)
            yield from (
                Said(Level.WRONG, f"{run}: {name} is not what was sealed{'' if is_last else ' first'}")
                for name, kept in seal.items()
                if name in here and (is_last or name != manifest.RESULT) and not self._holds(within + name, kept)
            )
        yield from self._links(run, seals)

    def _holds(self, name: str, kept: manifest.Kept) -> bool:
        """Tell whether a file begins with what was sealed."""
        size = self._archive.size(name)
        if kept.size == size:
            return self._digests[name] == kept.sha256
        return kept.size < size and self._archive.digest(name, kept.size) == kept.sha256

    def _links(self, run: str, found: manifest.Manifest) -> Iterator[Said]:
        """Say where a run is not what the chain says of it."""
        if chain.FILE not in self._digests or self._chain.broken is not None:
            return
        links = [link.what for link in self._chain.of(run)]
        begun = [link.start for link in links if isinstance(link, chain.Begun)]
        sealed = [link.manifest for link in links if isinstance(link, chain.Sealed)]
        known = [manifest.digest(manifest.encode(found.up_to(number + 1))) for number in range(len(found.seals))]
        if begun and begun[0] != self._first_line(f"{RUNS}{run}/{TIMELINE}"):
            yield Said(Level.WRONG, f"{run}: it does not begin as the chain says that it began")
        if any(seal not in known for seal in sealed):
            yield Said(Level.WRONG, f"{run}: the chain holds a seal that is of other files")
        elif not begun or not sealed or sealed[-1] != known[-1]:
            lacks = "its last seal is not" if begun and sealed else "it is not, or only in part,"
            yield Said(Level.UNTOLD, f"{run}: {lacks} in the chain: it was recorded or changed beside it")
        if len(known) > 1:
            yield Said(Level.NOTE, f"{run}: sealed {len(known)} times; what was sealed first is still there")

    def _first_line(self, timeline: str) -> str:
        content = self._archive.read(timeline, max(_FIRST_LINE, self._archive.size(timeline)))
        return hashlib.sha256(content[: content.find(b"\n") + 1]).hexdigest()

    def _complete(self, claim: Claim) -> Iterator[Said]:
        """Say which runs of the history are not in the bundle, and ought to be."""
        begun = self._begun()
        order = [*begun]
        absent = [run for run in begun if run not in self._runs]
        span = claim.complete
        if span is None:
            chosen = [order.index(run) for run in self._runs if run in begun]
            between = [run for run in absent if chosen and chosen[0] < order.index(run) < max(chosen)]
            for run in between:
                yield Said(Level.UNTOLD, f"{_when(begun[run])} {run} was begun between these runs, and is left out")
            if beside := len(absent) - len(between):
                yield Said(Level.NOTE, f"the runs were chosen: {_runs(beside)} of the same history are not in it")
            return
        removed = {link.what.run: link for link in self._chain.links if isinstance(link.what, chain.Removed)}
        lost = [run for run in absent if span.holds(begun[run].wall, getattr(begun[run].what, "drill", ""))]
        for run in lost:
            word = removed.get(run)
            by = (
                f"; {word.what.by} removed it on {_when(word)}" if word and isinstance(word.what, chain.Removed) else ""
            )
            yield Said(Level.MISSING, f"{run}, begun on {_when(begun[run])}, is not in it{by}")
        which = (
            f"of {span.drill or 'all drills'}, begun from {span.since} {f'until {span.until}' if span.until else 'on'}"
        )
        if not lost and self._chain.links and self._chain.broken is None:
            yield Said(Level.RIGHT, f"every run {which} that the chain names is in it")

    def _after(self) -> Iterator[Said]:
        """Say whether the history goes on from where it was in an older bundle."""
        if self._trust.after is None:
            return
        try:
            with tar_file.opened(self._trust.after) as older:
                before = older.read(chain.FILE, _LARGEST)
        except (NotOurs, KeyError) as error:
            yield Said(Level.UNTOLD, f"{self._trust.after} is no bundle with a chain: {error}")
            return
        now = self._archive.read(chain.FILE, _LARGEST) if chain.FILE in self._digests else b""
        if now.startswith(before):
            yield Said(Level.RIGHT, f"the history goes on from where it was in {self._trust.after}")
        else:
            yield Said(Level.WRONG, f"the history was rewritten since {self._trust.after}: its chain is another one")


def _when(link: chain.Link) -> str:
    return link.wall[:10]


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
