"""`nginx.upstream` and `nginx.broken_file`: a file of NGINX is changed, tested, loaded, and put back.

NGINX's free edition has no interface for this: its files are what it has, and a signal to its master loads them. What
its running workers were started with is told by when they were started. All of it is on this host; on others a
playbook does it.
"""

import re
import signal
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, JsonValue, model_validator

from faildrill.adapters.http.request import Request
from faildrill.adapters.nginx.instance import Master, Nginx, children, master
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, reason
from faildrill.ports import THIS_HOST, Captured, Given, Observed, Preview, Told
from faildrill.ports.addresses import Url, of_url
from faildrill.ports.effect import Effect, Found
from faildrill.ports.target import FilePath, Program
from faildrill.record.samples import Outcome
from faildrill.system import processes, threads
from faildrill.toolkit.config_file import OfBrokenFile, OfFile, digest
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.programs import Argv

_SHUTTING_DOWN: Final = "shutting down"
_GRAIN: Final = 2 / processes.TICKS
"""Seconds by which the start of a process may seem too early."""
_SERVER: Final = r"(?P<before>\s*server\s+{address})(?P<words>(?:\s+[^;#\s]+)*)\s*;(?P<after>.*)"
_ASKS: Final = 20


class _OfNginx(OfFile):
    """What both actions share: the file, the test of it, and the signal that loads it."""

    file: FilePath = Field(description="the file that is changed, as NGINX includes it")
    config: FilePath = Field(default="/etc/nginx/nginx.conf", description="NGINX's main file, with which it is tested")
    pid_file: FilePath = Field(default="/run/nginx.pid", description="where NGINX's master keeps its process id")
    binary: Program = Field(default="nginx", description="the program that tests the files")

    @property
    def _server(self) -> str:
        return "NGINX"

    @property
    def _path(self) -> Path:
        return Path(self.file)

    @property
    def _tests(self) -> Argv:
        return self.binary, "-t", "-q", "-c", self.config

    def acts_on(self) -> list[str]:
        """Name the host that it is on."""
        return [THIS_HOST]

    async def acts_through(self, given: Given) -> Told:
        """Look whether file, configuration, master and address are those of one NGINX."""
        try:
            nginx = Nginx(self.config, self.pid_file, self.binary)
            apart = await nginx.apart([self.file], self._addresses, given.timeout * SHARE / 2)
        except CannotSee as error:
            return Told(silent=[f"whether it is this NGINX is unknown: {error}"])
        return Told(differs=[apart]) if apart else Told(proved=[f"NGINX of {self.config}"])

    @property
    def _addresses(self) -> list[str]:
        """Where users reach it, as far as it was given."""
        return []

    async def _refuse_another(self, given: Given) -> list[JsonValue]:
        answers = await self.acts_through(given)
        if wrong := [*answers.differs, *answers.silent]:
            raise ActionRefused("; ".join(wrong))
        return await self._refuse_unloaded(given.timeout * SHARE / 2)

    async def _others(self, within: float) -> list[Path]:
        files = await Nginx(self.config, self.pid_file, self.binary).files(within)
        try:
            return await threads.of_file(self._path, lambda: _without(files, self._path.resolve()))
        except OSError as error:
            raise CannotSee(f"which files {self.config} includes besides can't be told: {reason(error)}") from error

    async def _since(self) -> float | None:
        return min(await threads.aside(self._starts), default=None)

    def _starts(self) -> list[float]:
        """Tell when each worker that takes connections was started."""
        return [when for pid in children(self._master()) if (when := _start_of_worker(pid)) is not None]

    def _master(self) -> int:
        return master(self.pid_file)

    async def _now(self) -> Master:
        return await threads.aside(lambda: Master.now(self.pid_file))

    async def _another(self, before: Captured) -> str:
        return (await self._now()).differs(before)

    async def _hang_up(self, before: Captured) -> None:
        """Have the master load its files: the one that was looked at first, or what a restart has made of it."""
        now = await self._now()
        if another := now.differs(before):
            raise ActionFailed(f"{another}: neither is told to load its files")
        try:
            is_told = processes.send(now.process, signal.SIGHUP)
        except OSError as error:
            raise ActionFailed(f"NGINX can't be told to load its files: {error}") from error
        if not is_told:
            raise ActionFailed(f"NGINX's master {now.process.pid} is gone, so it can't be told to load its files")

    async def _seen_loaded(self, before: Captured, told: str, unloaded: str) -> Observed:
        """Tell whether the same NGINX runs with what the file holds; `unloaded` is what is told where it doesn't."""
        another = await self._another(before)
        loaded = not another and await self._is_loaded()
        return Observed(loaded, told if loaded else another or unloaded)

    async def _is_loaded(self) -> bool:
        """Tell whether every worker that takes connections was started since the file was written."""
        age = time.time() - (await self._state()).st_mtime
        started = await threads.aside(self._starts)
        written = time.clock_gettime(time.CLOCK_BOOTTIME) - age
        return bool(started) and min(started) + _GRAIN >= written


def _without(files: list[Path], own: Path) -> list[Path]:
    return [file for file in files if file.resolve() != own]


class Upstream(_OfNginx):
    """Takes a server of an NGINX upstream out (`down`) or changes its `weight`: edits the file, tests it, reloads.

    Only that one line is changed, and it must be a line of its own. It is refused, with nothing touched, if NGINX's
    files are bad already, if the file was written after NGINX loaded it, if the server has that setting already, if no
    other server would take requests, or if every server would get what it gets now (for example a backup that is not
    needed). A file that NGINX rejects is restored before it is loaded, and the step is refused.

    Its effect is seen when all worker processes were started after the change. With `url`, NGINX is also asked twenty
    times, on a new connection each: a server that is down must have answered before and must not answer now; any other
    server must answer. It is put back when the line is as it was, and loaded.

        steps:
          - name: take pay1 out
            nginx.upstream:
              file: /etc/nginx/conf.d/payments.conf
              upstream: payments
              server: 10.0.0.11:8080
              down: true
              url: http://127.0.0.1/health
              who: pay1
    """

    effect_is: ClassVar[Effect] = "state"
    acts_late: ClassVar[float] = 5.0
    """NGINX that is loading its files loads what is there once more when it has done."""

    upstream: str = Field(pattern=r"^[^\s;{}]+$", description="the name of the upstream")
    server: str = Field(pattern=r"^[^\s;{}]+$", description="the server's address, as it is written there")
    down: bool | None = Field(default=None, description="true: takes no requests; false: takes them again")
    weight: int | None = Field(default=None, ge=1, le=65535, description="its weight")
    url: Url | None = Field(default=None, description="a URL that is asked through NGINX, to see which server answers")
    who: str | None = Field(default=None, description="the value of `header` in this server's answers")
    header: str = Field(default="X-Server", description="the header that names the server that answered")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.down is None) == (self.weight is None):
            raise ValueError("give either `down` or `weight`")
        if (self.url is None) != (self.who is None):
            raise ValueError("`url` and `who` belong together: what is asked, and what this server answers")
        return self

    async def capture(self, given: Given) -> Captured:
        """Read the line; see that the files are good, and that another server is left."""
        text = await self._text()
        number, line = self._line(text)
        await self._refuse_bad(given)
        self._changed(text)
        beside = await self._refuse_another(given)
        if self.down and self.url is not None:
            await self._refuse_unseen(given)
        who = (await self._now()).captured()
        return {"line": line, "number": number + 1, "text": digest(text), "beside": beside, **who}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Change the line, test, and load; a file that NGINX refuses is put back first."""
        text, kept = await self._text(), await self._state()
        await self._refuse_changed(text, before)
        changed = self._changed(text)
        await self._exchange(text, changed)
        try:
            complaint = await self._tested(given.timeout * SHARE / 2)
        except CannotSee as error:
            complaint = str(error)
        if complaint:
            await self._take_back(changed, text, kept)
            raise ActionRefused(f"NGINX refuses what {self.file} would be, it is as it was: {complaint}")
        if edited := await self._edited(changed, before, given.timeout * SHARE / 4):
            await self._take_back(changed, text, kept)
            raise ActionRefused(f"{edited}, so nothing was loaded; {self.file} is as it was")
        await self._hang_up(before)
        return {"server": self.server, "line": before["line"]}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the line, workers that were started since, and who answers."""
        observed = await self.lasts(before, given)
        if not observed.holds or self.url is None:
            return observed
        answered = await self._who_answers(given)
        holds = (self.who in answered) != bool(self.down)
        return Observed(holds, f"{observed.because}; {', '.join(sorted(answered)) or 'nobody'} answers")

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See the line, loaded; nobody is asked, as twenty requests are a load of their own."""
        _, line = self._line(await self._text())
        written = line.strip()
        if line != self._wanted(line):
            return Observed(holds=False, because=f"{self.file} has {written}")
        return await self._seen_loaded(before, f"{written} is loaded", f"{written} is not loaded yet")

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare the line and all others with what they were, and with what this made of the one."""
        text = await self._text()
        _, line = self._line(text)
        former = str(before["line"])
        wanted = self._wanted(former)
        is_alone = "text" not in before or digest(self._unchanged(text, before)) == before["text"]
        beside = await self._unloaded_beside(before, given.timeout * SHARE)
        now = "; ".join([f"{line.strip()!r}{'' if is_alone else ', and other lines have been changed'}", *beside])
        is_known = is_alone and not beside and line in (wanted, former)
        whose: Literal["ours", "before", "others"] = "ours" if is_known else "others"
        remedy = f"write {former.strip()!r} into {self.file}, test it, and have NGINX load it"
        return Found("before" if is_known and line == former else whose, now, repr(wanted.strip()), remedy)

    async def undo(self, before: Captured, given: Given) -> None:
        """Put the line back, test, and load."""
        await self._write_back(before, given)
        await self._hang_up(before)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the line as it was, and workers that were started since."""
        _, line = self._line(await self._text())
        written = line.strip()
        if line != before["line"]:
            return Observed(holds=False, because=f"{self.file} has {written}")
        return await self._seen_loaded(before, f"{written} is loaded", f"{written} is not loaded yet")

    async def preview(self, given: Given) -> Preview:
        """Read what would be changed now."""
        text = await self._text()
        _, line = self._line(text)
        spares = [f"{self.upstream}/{share}" for share in self._shares(self._changed(text))]
        effect = f"{line.strip()} becomes {self._wanted(line).strip()}"
        return Preview([f"{self.upstream}/{self.server}"], effect, "back", spares)

    def _changed(self, text: str) -> str:
        number, line = self._line(text)
        wanted = self._wanted(line)
        if wanted == line:
            raise ActionRefused(f"{self.file} says {line.strip()!r} already: there is nothing to change")
        changed = _with_line(text, number, wanted)
        now, then = self._shares(text), self._shares(changed)
        if not then:
            raise ActionRefused(f"{self.server} is the last server of {self.upstream} that takes requests")
        if now == then:
            raise ActionRefused(
                f"{self.upstream}: with {wanted.strip()!r} every server would get what it gets now: "
                "it is a backup that is not needed, or the only one, or weighs the same; no user could notice"
            )
        return changed

    def _unchanged(self, text: str, before: Captured) -> str:
        number, _ = self._line(text)
        return _with_line(text, number, str(before["line"]))

    def _line(self, text: str) -> tuple[int, str]:
        """Return the number, from 0, and the text of the server's line; CannotSee where there is not exactly one."""
        lines = _lines(text)
        numbers = [number for number in self._block(lines) if self._match(lines[number])]
        if len(numbers) != 1:
            where = f"upstream {self.upstream} of {self.file}"
            raise CannotSee(f"{where} has {len(numbers) or 'no'} lines `server {self.server} …;`: there must be one")
        return numbers[0], lines[numbers[0]]

    def _block(self, lines: list[str]) -> range:
        opens = re.compile(rf"\s*upstream\s+[\"']?{re.escape(self.upstream)}[\"']?\s*\{{\s*(#.*)?$")
        starts = [number for number, line in enumerate(lines) if opens.match(line)]
        if len(starts) != 1:
            raise CannotSee(
                f"{self.file} has {len(starts) or 'no'} blocks `upstream {self.upstream} {{`: one is needed"
            )
        ends = (number for number in range(starts[0] + 1, len(lines)) if lines[number].split("#")[0].strip() == "}")
        return range(starts[0] + 1, next(ends, len(lines)))

    def _match(self, line: str, address: str | None = None) -> "re.Match[str] | None":
        return re.fullmatch(_SERVER.format(address=address or re.escape(self.server)), line)

    def _shares(self, text: str) -> dict[str, Fraction]:
        """Return by address the part of the requests each server is due that takes some: backups where nobody else."""
        lines = _lines(text)
        found: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
        for name in filter(None, (self._match(lines[at], r"[^\s;]+") for at in self._block(lines))):
            words = name["words"].split()
            weight = next((int(word[7:]) for word in words if re.fullmatch(r"weight=\d+", word)), 1)
            if "down" not in words:
                found["backup" in words][name["before"].split()[-1]] += weight
        takes = found[False] or found[True]
        return {address: Fraction(weight, takes.total()) for address, weight in takes.items()}

    def _wanted(self, line: str) -> str:
        match = self._match(line)
        words = match["words"].split() if match else []
        if self.weight is not None:
            words = [*(word for word in words if not word.startswith("weight=")), f"weight={self.weight}"]
        elif self.down is not None:
            words = [*(word for word in words if word != "down"), *(["down"] if self.down else [])]
        same = match is not None and sorted(words) == sorted(match["words"].split())
        if match is None or same:
            return line
        return f"{' '.join([match['before'], *words])};{match['after']}"

    @property
    def _addresses(self) -> list[str]:
        return [of_url(self.url)] if self.url else []

    async def _refuse_unseen(self, given: Given) -> None:
        """Refuse to take out who answers nobody as it is: that it doesn't answer afterwards would prove nothing."""
        answered = await self._who_answers(given)
        if self.who not in answered:
            who = ", ".join(sorted(answered)) or "nobody"
            raise ActionRefused(
                f"none of {_ASKS} answers through {self.url} was from {self.who!r} ({self.header}: {who}), so that it "
                "answers no more would prove nothing: correct `who`, `header` or `url`"
            )

    async def _who_answers(self, given: Given) -> set[str]:
        request = Request.model_validate({"url": self.url, "who_header": self.header, "connection": "fresh"})
        looks = [await request.look(given) for _ in range(_ASKS)]
        return {look.who for look in looks if look.outcome == Outcome.OK}


class BrokenFile(OfBrokenFile, _OfNginx):
    """Breaks a configuration file of NGINX and reloads: NGINX must go on with the configuration that it had.

    It is the mistake of somebody who edits on the host and reloads: a line is added that NGINX can't read. It is
    refused, with nothing touched, if NGINX's files are bad already, if the file was written after NGINX loaded it, or
    if NGINX accepts the line. Its effect is seen when NGINX's own test refuses the file. A restart of NGINX while the
    line is there would fail: that is the danger that the drill shows. It is put back when the line is gone, every other
    byte of the file is as it was, and the files are good and loaded.

        steps:
          - name: a typing mistake is loaded
            nginx.broken_file: {file: /etc/nginx/conf.d/payments.conf}
        expect:
          - outage: {of: pay, at_most: 0s}
    """

    async def _running(self, given: Given) -> Captured:
        beside = await self._refuse_another(given)
        return {"beside": beside, **(await self._now()).captured()}

    async def _load(self, before: Captured, given: Given) -> None:
        await self._hang_up(before)

    async def _went_on(self, before: Captured, given: Given) -> Observed:
        now = (await self._now()).process
        there = now.identity == (before["master"], before.get("start", now.start))
        return Observed(there, f"its master {'goes on' if there else 'is another process'}")

    async def _loaded(self, before: Captured, given: Given) -> Observed:
        good = f"{self.file} is good again"
        return await self._seen_loaded(before, good, f"{good}, and not loaded yet")


def _with_line(text: str, number: int, line: str) -> str:
    lines = _lines(text)
    return "\n".join([*lines[:number], line, *lines[number + 1 :]])


def _lines(text: str) -> list[str]:
    """Part a text as NGINX does: nothing but a line feed ends a comment; a carriage return before it is a space."""
    return text.split("\n")


def _start_of_worker(pid: int) -> float | None:
    """Return when a worker was started, in seconds after boot; None for one that ends, or is none."""
    try:
        title = b" ".join(processes.command_line(pid)).decode(errors="replace")
        worker = processes.read(pid)
    except (FileNotFoundError, ProcessLookupError):  # any other trouble is ours, and hides perhaps an old worker
        return None
    if not title.startswith("nginx: worker") or _SHUTTING_DOWN in title:
        return None
    return worker.started
