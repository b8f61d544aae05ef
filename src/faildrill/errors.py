"""What can go wrong, as one ladder of errors.

FaildrillError
├── InvalidFile          a file that a person wrote is wrong: nothing was touched (exit 2)
├── WrongUsage           a command line or a name is wrong: nothing was touched (exit 2)
│   └── NoStateFolder    state can't be kept where it should be; an OSError too
├── Objection            a guard refuses: nothing was touched (exit 3)
├── ActionError          a step's action
│   ├── ActionRefused    the target said no, provably before anything changed
│   │   └── NotStarted       the program that does it can't be started
│   ├── ActionFailed     it broke; what it did until then is put back and looked at
│   │   └── ActedElsewhere   something else took the call than what was looked at: it isn't put back
│   └── OutcomeUnknown   sent, and the answer leaves open whether it happened: observe, never call again
├── CannotSee            an observation could not be made: proves nothing either way
├── JournalError         the timeline can't be written or read
│   ├── JournalFull      a record could not be made durable: the step is not done
│   └── JournalDamaged   bytes before the last whole record are not what was written
├── NotJudged            a defect kept a run, or one claim of it, from being weighed (exit 7)
└── UnresolvedSecret     a reference to a secret leads nowhere; says which and how to give it
"""

from dataclasses import dataclass


class FaildrillError(Exception):
    """Anything that faildrill says is wrong; its text tells the user what to do next."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One error in a file, at its place: lines and columns count from 1."""

    line: int
    column: int
    message: str


class InvalidFile(FaildrillError):
    """A file that a person wrote is wrong; holds every mistake in it, in the order of the file."""

    def __init__(self, path: str, mistakes: list[Mistake]) -> None:
        self.path = path
        self.mistakes = sorted(mistakes)
        lines = [f"{path}:{mistake.line}:{mistake.column}: {mistake.message}" for mistake in self.mistakes]
        super().__init__("\n".join(lines))


class WrongUsage(FaildrillError):
    """A command line or a name is wrong; nothing was touched."""


class NoStateFolder(WrongUsage, OSError):
    """State can't be kept where it should be: as with any other file that can't be written, no step is done."""


class Objection(FaildrillError):
    """A guard objects to the drill; nothing was touched."""


class ActionError(FaildrillError):
    """An action did not go as declared."""


class ActionRefused(ActionError):
    """The target refused, provably before anything changed."""


class NotStarted(ActionRefused):
    """The program that does it, or puts it back, can't be started."""


class ActionFailed(ActionError):
    """The action broke; whatever it did until then is to be put back."""


class ActedElsewhere(ActionFailed):
    """The call was taken by something else than what was looked at: putting back would act on the wrong one, too."""


class OutcomeUnknown(ActionError):
    """The call was sent and its answer leaves open whether it happened: it is settled by observing."""


class CannotSee(FaildrillError):
    """An observation could not be made; it proves nothing either way."""


class JournalError(FaildrillError):
    """The timeline can't be written or read."""


class JournalFull(JournalError):
    """A record could not be written whole; what was on disk before is still whole."""


class JournalDamaged(JournalError):
    """Bytes in front of the last whole record are not what was written."""


class NotJudged(FaildrillError):
    """A defect kept a run, or one claim of it, from being weighed."""


class UnresolvedSecret(FaildrillError):
    """A reference to a secret leads nowhere."""


def reason(error: BaseException) -> str:
    """Say in a few words why something failed: the system's words, else the error's own, else the name of its class.

    The system's come without the path, which whoever tells of it names in its own place.
    """
    words = error.strerror if isinstance(error, OSError) else None
    nameless = "timed out" if isinstance(error, TimeoutError) else type(error).__name__
    return words or str(error) or nameless
