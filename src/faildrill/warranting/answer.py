"""Testimonies into an answer. Pure, and careful on one side: what is not proven is never warranted."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from faildrill.ports.witness import Says, Testimony
from faildrill.system.exit_codes import ExitCode

VOICES: Final = 2
"""Independent observers that must have seen the primary's death; what none of them heard is not counted.

All standbys together are one of them: one broken switch takes the stream of each.
"""


_SLOW: Final = "it hangs or is slow, and nothing says that another node would do better"


class Answer(StrEnum):
    """Whether a failover is warranted."""

    WARRANTED = "warranted"
    NOT_WARRANTED = "not warranted"
    INSUFFICIENT = "insufficient evidence"

    @property
    def exit_code(self) -> int:
        """The exit code of `faildrill warrant`: 0 lets a failover go on, everything else stops it."""
        return _EXIT_CODES[self]


_EXIT_CODES: Final = {
    Answer.WARRANTED: ExitCode.PASSED,
    Answer.NOT_WARRANTED: ExitCode.FAILED,
    Answer.INSUFFICIENT: ExitCode.INCONCLUSIVE,
}


class Warrant(NamedTuple):
    """The answer, and what it rests on."""

    answer: Answer
    signal: str
    """The signal that decided."""
    because: str
    heard: list[Testimony]
    """Every testimony, in the order of the observers."""


def weigh(heard: Iterable[Testimony]) -> Warrant:
    """Weigh what was heard.

    *Not warranted* when the primary itself answers and nothing speaks against it, or when something in front of it
    explains what users feel, it is not slow itself, and it or its application answers. *Warranted* only when nobody
    heard it alive, at least two observers each saw its death, and a standby is among those who answer. All else is
    *insufficient evidence*.
    """
    testimonies = list(heard)
    by = {says: [two for two in testimonies if two.says is says] for says in Says}
    if by[Says.ALIVE]:
        return _not_dead(testimonies, by)
    if by[Says.DEAD]:
        return _dead(testimonies, by)
    if by[Says.SLOW]:
        slow = by[Says.SLOW][0]
        return Warrant(Answer.INSUFFICIENT, slow.signal, f"{slow.because}: {_SLOW}", testimonies)
    silent = "; ".join(f"{silence.signal}: {silence.because}" for silence in by[Says.NOTHING]) or "nobody was asked"
    return Warrant(Answer.INSUFFICIENT, "silence", f"silence proves nothing: {silent}", testimonies)


_By = dict[Says, list[Testimony]]


def _not_dead(said: list[Testimony], by: _By) -> Warrant:
    """Somebody heard the primary alive."""
    direct = _of(by[Says.ALIVE], "primary")
    if by[Says.DEAD] and not direct:
        alive, dead = by[Says.ALIVE][0], by[Says.DEAD][0]
        because = f"observers disagree: {alive.signal} says {alive.because}; {dead.signal} says {dead.because}"
        return Warrant(Answer.INSUFFICIENT, "disagreement", because, said)
    slow = _of(by[Says.SLOW], "primary")
    if slow:
        return Warrant(Answer.INSUFFICIENT, "primary", f"{slow[0].because}: {_SLOW}", said)
    lost = _of(by[Says.DEAD], "application")
    if by[Says.ELSEWHERE] and not lost and (not _is_silent(said) or _of(by[Says.ALIVE], "application")):
        cause = by[Says.ELSEWHERE][0]
        heard = (direct or by[Says.ALIVE])[0]
        because = f"{cause.because}; the database works: {heard.because}"
        return Warrant(Answer.NOT_WARRANTED, cause.signal, because, said)
    if not direct:
        names = ", ".join(dict.fromkeys(voice.signal for voice in by[Says.ALIVE]))
        because = f"only {names} heard it; {_of_silence(said)}"
        return Warrant(Answer.INSUFFICIENT, "primary", because, said)
    doubts = [testimony for testimony in (*by[Says.DEAD], *by[Says.SLOW]) if testimony.signal != "primary"]
    if doubts:
        because = f"the primary works ({direct[0].because}), but {doubts[0].signal} says {doubts[0].because}"
        return Warrant(Answer.INSUFFICIENT, doubts[0].signal, because, said)
    return Warrant(Answer.NOT_WARRANTED, "primary", direct[0].because, said)


def _dead(said: list[Testimony], by: _By) -> Warrant:
    """Somebody saw its death, and nobody heard it alive."""
    voices = by[Says.DEAD]
    if by[Says.SLOW]:
        slow = by[Says.SLOW][0]
        because = f"{voices[0].signal} saw it dead, but {slow.signal} heard it: {slow.because}"
        return Warrant(Answer.INSUFFICIENT, "disagreement", because, said)
    store = [testimony for testimony in by[Says.ELSEWHERE] if testimony.signal == "store"]
    if store:
        because = f"{store[0].because}: a primary steps down without its store, and nobody can be made one"
        return Warrant(Answer.INSUFFICIENT, "store", because, said)
    if len({voice.signal.partition(" ")[0] for voice in voices}) < VOICES:
        because = f"only {voices[0].signal} saw its death ({voices[0].because}); one voice is not enough"
        return Warrant(Answer.INSUFFICIENT, voices[0].signal, because, said)
    if not any(testimony.signal.startswith("standby") for testimony in said):
        because = "no standby answers: there is nobody to fail over to"
        return Warrant(Answer.INSUFFICIENT, "standby", because, said)
    because = "; ".join(f"{voice.signal}: {voice.because}" for voice in voices)
    return Warrant(Answer.WARRANTED, voices[0].signal, because, said)


def _of(some: list[Testimony], signal: str) -> list[Testimony]:
    return [testimony for testimony in some if testimony.signal == signal]


def _is_silent(said: list[Testimony]) -> bool:
    """Tell whether the primary was asked, and said nothing: then what queues in front of it may be its own doing."""
    return bool(asked := _of(said, "primary")) and all(testimony.says is Says.NOTHING for testimony in asked)


def _of_silence(said: list[Testimony]) -> str:
    asked = _of(said, "primary")
    return f"the primary itself said nothing: {asked[0].because}" if asked else "nobody asked the primary itself"
