"""`command.run` and `command.look`: what has no kind of its own yet, done or looked at by a program."""

import asyncio
import os
from typing import ClassVar, Final

from pydantic import Field

from faildrill import durations
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, NotStarted, OutcomeUnknown
from faildrill.ports import THIS_HOST, Captured, Given, Observed, Preview, Seen
from faildrill.ports.effect import Effect
from faildrill.record.samples import Outcome
from faildrill.system import threads
from faildrill.toolkit.answering_name import told
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.programs import GRACE, Argv, Surroundings, unstarted

_MARK: Final = "FAILDRILL_RUN"
"""By this variable what a step starts is found and ended, should the run die; what an undo starts doesn't have it."""
_LONGEST_NAME: Final = 64
_ANSWERS: Final = {"in_effect: true": True, "in_effect: false": False}
"""What a verification prints: a word, as every exit code is some program's way to say that it failed itself."""
_TESTS: Final = ("test", "[")
"""They print nothing, but POSIX keeps 1 for "it is not so" and more for trouble of their own."""
_OF_A_FILE: Final = ("-e", "-f", "-d", "-h", "-L", "-s")
_OF_A_LINK: Final = ("-h", "-L")
_SAYS_NOTHING: Final = (*_TESTS, "true", "false")
_CONTRACT: Final = "the last line of its stdout must be `in_effect: true` or `in_effect: false`, and it must exit 0"
_FOR_EXAMPLE: Final = (
    "no exit code alone says that an effect is gone; e.g. verify_argv: "
    "[sh, -ec, \"cd /var/tmp; if [ -e ballast ]; then echo 'in_effect: true'; else echo 'in_effect: false'; fi\"]"
)
_TOLD: Final = 300
"""Characters of a failed verification's words that are told: the last ones, where an error stands."""


class Run(Surroundings):
    """Runs a program of yours as a step, once; another program tells whether its effect is there.

    All three programs are lists of arguments; no shell is used. `verify_argv` says whether the effect is there: its
    last line of output is `in_effect: true` or `in_effect: false`, and it exits 0. Anything else counts as unknown,
    whatever the exit code, because programs also exit 1 when they fail themselves. An effect that is not known to be
    gone is not put back (UNSAFE). So let the program fail where it can't look: in the example, `cd` fails if the folder
    can't be entered. It is asked before the step (an effect that is there already refuses the step), after it, and
    after the undo.

    test(1) alone is believed by its exit code: `[test, -e, /var/tmp/ballast]` (or -f, -d, -h, -L, -s; also with `"!"`
    before it), because its 1 means "it is not so". It exits 1 also for a file that it can't look at, so faildrill
    checks that as well: if the folder is missing, can't be searched or does not answer, the effect is unknown.

    `undo_argv` must be right to run even if the step never took effect. A step that does not end in time is killed with
    its process group; then `verify_argv` decides what happened, and the step is never run again. The last 4 KiB of
    output are kept.

        steps:
          - name: fill the disk
            command.run:
              argv:        [fallocate, -l, 10G, /var/tmp/ballast]
              undo_argv:   [rm, -f, /var/tmp/ballast]
              verify_argv:
                - sh
                - -ec
                - "cd /var/tmp; if [ -e ballast ]; then echo 'in_effect: true'; else echo 'in_effect: false'; fi"
    """

    effect_is: ClassVar[Effect] = "state"
    ending: ClassVar[float] = 2 * GRACE
    acts_late: ClassVar[float] = 0.0
    """Its process group is ended with it; what a program leaves elsewhere, its author must know."""

    argv: Argv = Field(description="the program and its arguments")
    undo_argv: Argv = Field(description="the program that puts it back; right to run even if the step had no effect")
    verify_argv: Argv = Field(
        description="prints `in_effect: true` while the effect is there, `in_effect: false` while it is not"
    )

    async def objection(self, given: Given) -> str | None:
        """Object to programs that are known to print nothing: they answer by their exit code alone."""
        if _program(self.verify_argv) in _SAYS_NOTHING and self._tested is None:
            return f"verify_argv: {self.verify_argv[0]} prints nothing; {_CONTRACT}: {_FOR_EXAMPLE}"
        return None

    def acts_on(self) -> list[str]:
        """Name the host that its programs run on: what they reach from there, nobody can tell."""
        return [THIS_HOST]

    async def capture(self, given: Given) -> Captured:
        """See that the effect is not there yet."""
        if await self._in_effect(given):
            raise ActionRefused(f"{self.verify_argv[0]} says that the effect is there already: put it back first")
        return {"in_effect": False}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Run the program."""
        try:
            ended = await self.run(self.argv, given.timeout, {_MARK: given.run})
        except OSError as error:
            raise NotStarted(unstarted(self.argv[0], error)) from error
        if ended.code is None:
            raise OutcomeUnknown(f"{self.argv[0]} {ended}; it had {durations.show(given.timeout)} (`within`)")
        if ended.code != 0:
            raise ActionFailed(f"{self.argv[0]} {ended}")
        return {"said": ended.said}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """Ask whether the effect is there."""
        there = await self._in_effect(given)
        return Observed(there, f"{self.verify_argv[0]} says that the effect is {'there' if there else 'not there'}")

    async def undo(self, before: Captured, given: Given) -> None:
        """Run the undo; what it starts belongs to the target, not to the run."""
        try:
            ended = await self.run(self.undo_argv, given.timeout, {})
        except OSError as error:
            raise NotStarted(unstarted(self.undo_argv[0], error)) from error
        if ended.code is None:
            given_to_it = f"it had {durations.show(given.timeout)} (`undo_within`)"
            raise ActionFailed(f"{self.undo_argv[0]} {ended}; {given_to_it}")
        if ended.code != 0:
            raise ActionFailed(f"{self.undo_argv[0]} {ended}")

    async def restored(self, before: Captured, given: Given) -> Observed:
        """Ask whether the effect is gone."""
        there = await self._in_effect(given)
        because = f"{self.verify_argv[0]} says that the effect is {'still there' if there else 'not there'}"
        return Observed(not there, because)

    async def preview(self, given: Given) -> Preview:
        """Tell what would be run."""
        return Preview([], f"run {' '.join(self.argv)}", f"run {' '.join(self.undo_argv)}")

    async def _in_effect(self, given: Given) -> bool:
        try:
            ended = await self.run(self.verify_argv, given.timeout * SHARE, {_MARK: given.run})
        except OSError as error:
            raise CannotSee(unstarted(self.verify_argv[0], error)) from error
        if self._tested is not None and ended.code in (0, 1):
            await _look_at(*self._tested, given.timeout * SHARE)
            return ended.code == 0
        answer = _ANSWERS.get(ended.printed.rpartition("\n")[2].strip().lower())
        if ended.code != 0 or answer is None:
            short = ended._replace(printed=ended.said[-_TOLD:], complained="")
            hint = "" if ended.said else f"; {_FOR_EXAMPLE}"
            raise CannotSee(
                f"{self.verify_argv[0]} {short}, so whether the effect is there is unknown; {_CONTRACT}{hint}"
            )
        return answer

    @property
    def _tested(self) -> "tuple[str, str] | None":
        """By which operator of test(1) `verify_argv` tests which file's existence; None: it doesn't."""
        program, *words = self.verify_argv
        if _program(self.verify_argv) not in _TESTS:
            return None
        if program.endswith("["):
            words = words[:-1] if words[-1:] == ["]"] else []
        asked = words[1:] if words[:1] == ["!"] else words
        if len(asked) != 2 or asked[0] not in _OF_A_FILE:  # noqa: PLR2004 - an operator and a path
            return None
        path = os.path.join(self.cwd or "", asked[1])
        return (asked[0], path) if os.path.isabs(path) else None


class Look(Surroundings):
    """Runs a program of yours at every look; good when it exits 0.

    Any other exit code is `wrong`, with the code as detail. A program that does not end by the look's deadline is
    killed with its process group. With `says_who` the first line that it prints is who answered. Starting a program
    costs a millisecond or more, so these looks are made by a process of their own: don't make many a second.

        probes:
          resolver: {command.look: {argv: [getent, hosts, payments.internal]}, every: 1s}
    """

    blocking: ClassVar[bool] = True

    argv: Argv = Field(description="the program and its arguments")
    says_who: bool = Field(default=False, description="the first line of its output names who answered")

    def acts_on(self) -> list[str]:
        """Name the host that it runs on, for who sends load with it."""
        return [THIS_HOST]

    async def look(self, given: Given) -> Seen:
        """Run it once; OSError when it can't be started."""
        ended = await self.run(self.argv, given.timeout * 2, {_MARK: given.run})
        who = told(ended.said.partition("\n")[0], _LONGEST_NAME) if self.says_who else ""
        if ended.code is None:
            return Seen(Outcome.TIMED_OUT)
        if ended.code == 0:
            return Seen(Outcome.OK, who)
        return Seen(Outcome.WRONG, who, f"exit {ended.code}" if ended.code > 0 else f"signal {-ended.code}")


def _program(argv: Argv) -> str:
    return os.path.basename(argv[0])


async def _look_at(operator: str, path: str, within: float) -> None:
    """Raise CannotSee where nobody could tell whether a file is there: test(1) exits 1 then, as if it were not."""
    try:
        async with asyncio.timeout(within):
            await threads.aside(lambda: _stat(operator, path))
    except OSError as error:  # TimeoutError among them
        why = error.strerror or f"no answer within {durations.show(within)}"
        raise CannotSee(f"whether {path} is there is unknown: {error.filename or path}: {why}") from error


def _stat(operator: str, path: str) -> None:
    is_of_link = operator in _OF_A_LINK
    try:
        (os.lstat if is_of_link else os.stat)(path)
    except FileNotFoundError:
        os.stat(os.path.dirname(path if is_of_link else os.path.realpath(path)))
