"""Put back what is open: in reverse, every one of them, and each seen put back."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from faildrill import durations
from faildrill.acting.call import LOOKING, TookTooLong, call, ending, observe, words
from faildrill.acting.comparison import beside, compare, counted, owned
from faildrill.acting.effects import action_of, look_before_undoing
from faildrill.acting.late_effects import LateEffect, Window, late_effect
from faildrill.acting.sight import effect, knows_its_effect, looks_cost, restored
from faildrill.errors import ActionError, ActionFailed, ActionRefused, CannotSee, FaildrillError, NotStarted
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Action, Observed
from faildrill.ports.target import KindUse
from faildrill.record.timeline import (
    ApplyFailed,
    Applying,
    Confirmed,
    Entry,
    Happened,
    Intended,
    LeftApplied,
    Timeline,
    UndoFailed,
    Undoing,
    Undone,
    UndoNotVerified,
    UndoVerified,
)

By = Literal["runner", "sentinel", "recover"]
SILENT: Final = 2
"""Undos without an outcome after which the others go first."""
UNSEEN: Final = "it is put back without comparing, because what is there could not be seen: "


def open_intents(entries: Iterable[Entry]) -> list[Intended]:
    """List the intents that were not seen put back and not left on purpose, in the order they were written.

    What counts is what was seen last: what was put back, and was put back again or found gone since, is open again.
    """
    intents: dict[str, Intended] = {}
    closed: set[str] = set()
    for entry in entries:
        match entry.what:
            case Intended() as intent:
                intents[intent.step] = intent
                closed.discard(intent.step)
            case Undoing(step=step) | UndoNotVerified(step=step):
                closed.discard(step)
            case UndoVerified(step=step) | LeftApplied(step=step, by="drill"):
                closed.add(step)
            case _:
                pass
    return [intent for step, intent in intents.items() if step not in closed]


def put_off(intents: list[Intended], entries: Iterable[Entry]) -> list[Intended]:
    """Move those to the end of the undoing whose undo has twice been the last that anybody heard of its process.

    One that blocks a whole process, or kills it, must not keep the others from being put back.
    """
    silent: Counter[str] = Counter()
    for entry in entries:
        match entry.what:
            case Undoing(step=step):
                silent[step] += 1
            case Undone(step=step) | UndoFailed(step=step) | UndoNotVerified(step=step):
                silent[step] -= 1
            case _:
                pass
    return sorted(intents, key=lambda intent: silent[intent.step] < SILENT)  # undone from the last one on


def open_steps(entries: Iterable[Entry]) -> set[str]:
    """Name the steps of whose call nobody saw what came of it, and nobody heard that nothing was asked for.

    It was cut short, it died with the runner, it broke, its answer left it open, or was good and its effect was not
    seen: given up is not gone, and a look that says "not there" proves nothing of what comes later.
    """
    steps: set[str] = set()
    for entry in entries:
        match entry.what:
            case Applying(step=step):
                steps.add(step)
            case Confirmed(step=step) | ApplyFailed(step=step, how="refused"):
                steps.discard(step)
            case _:
                pass
    return steps


def untouched(entries: Iterable[Entry]) -> dict[str, str]:
    """Return by step why nothing of it is put back: it was refused, or something else took it."""
    reasons: dict[str, str] = {}
    for entry in entries:
        match entry.what:
            case Applying(step=step):
                reasons.pop(step, None)
            case ApplyFailed(step=step, elsewhere=True, because=because):
                reasons[step] = because
            case ApplyFailed(step=step, how="refused"):
                reasons[step] = ""
            case _:
                pass
    return reasons


async def undo_all(
    intents: list[Intended], timeline: Timeline, run: str, by: By, known: Sequence[Entry] = ()
) -> list[str]:
    """Put all intents back, the last one first, and return the ids of those not seen put back.

    `known` is what the run's timeline tells of them. One that fails never stops the others, and a full disk stops none:
    what can't be written down is still undone. A state is looked at before anything is put back, and again right
    before its own undo. What a call that is still open asked for may come yet, though nothing of us acts any more:
    where its effect is not seen before its undo, it is looked for afterwards for as long as its kind says that it may
    come, and put back again when it does. Until then it is not told to be put back: whoever goes on where this one died
    looks for it as well. A step that was refused is not undone, as nothing of it happened: it is looked at, and for as
    long.
    """
    still_open, kept_off, changed = open_steps(known), untouched(known), owned(known)
    over = asyncio.get_running_loop().time()
    await look_before_undoing(intents, timeline, run, known)
    dirty: list[str] = []
    watched: list[_Undo] = []
    for number, intent in enumerate(reversed(intents)):
        if number:  # the first was looked at just now
            await look_before_undoing([intent], timeline, run, known, again=True)
        undo = _Undo(intent, timeline, run, by)
        undo.changed = changed
        if intent.undo != "none" and (because := kept_off.get(intent.step)) is not None:
            undo.was_refused = undo.is_watched = True
            if await undo.look_only(because):
                watched.append(undo)
            else:
                dirty.append(intent.step)
            continue
        is_open = intent.step in still_open and intent.undo != "none"
        undo.is_watched = is_open and not await undo.is_in_effect()
        there = [earlier for earlier in watched if await earlier.stays()]
        if not await undo.run():
            dirty.append(intent.step)
        elif undo.is_watched:
            watched.append(undo)
        for earlier in there:
            earlier.lost_to = None if await earlier.stays() else intent
    came_late = await asyncio.gather(*(done.late_effect(over) for done in watched))
    return dirty + [
        done.intent.step for done, came in zip(watched, came_late, strict=True) if not await done.conclude(came)
    ]


class _Undo:
    """How one intent is put back."""

    def __init__(self, intent: Intended, timeline: Timeline, run: str, by: By) -> None:
        self.intent = intent
        self._timeline = timeline
        self._by = by
        self.changed: set[str] = set()
        """What steps of the run have changed of all that the picture shows: it need not be as before."""
        self.was_refused = False
        self.is_watched = False
        """Whether its effect may still come: until that time is over nothing says that it is put back."""
        self.lost_to: Intended | None = None
        """The step whose undo came after this one, and since which it is not as it was put back; None: it stayed so."""
        self._back_as = ""
        self._word_of = ""
        self._unstarted = ""
        """Why the program that puts it back can't be started; empty where it could."""
        self._times = 1
        self._unseen = ""
        self._given = CallContext(run, timeout=intent.undo_within)

    async def is_in_effect(self, until: float = 0.0) -> bool:
        """Look for the effect, until the loop's clock passes `until` at least."""
        try:
            action = action_of(self.intent)
        except (FaildrillError, ValueError):
            return False
        observed = await observe(
            lambda: effect(action, self.intent.before, self._given), until, twice=not looks_cost(action)
        )
        return observed.holds

    async def look_only(self, because: str) -> bool:
        """See that a step that was refused, or taken by something else, has left nothing; touch nothing."""
        if because:
            return self._not_seen(f"nothing is put back: {because}")
        try:
            action = action_of(self.intent)
        except (FaildrillError, ValueError) as error:
            return self._not_seen(f"its intent can't be read: {words(error)}")
        deadline = asyncio.get_running_loop().time() + min(self.intent.undo_within, LOOKING)
        observed = await self._back(action, deadline)
        if observed.holds:
            return self._seen_back(f"it was refused, and seen: {observed.because}")
        return self._not_seen(
            f"nothing is put back, because the step was refused; but the target is not as before: {observed.because}"
        )

    async def _back(self, action: Action, deadline: float) -> Observed:
        """Look until what was before is there again, and all others are as they were."""
        intent = self.intent
        observed = await observe(
            lambda: restored(action, intent.before, self._given), deadline, twice=not looks_cost(action)
        )
        if not observed.holds:
            return observed
        alone = await beside(action, self._given, intent.picture, self.changed, deadline)
        return observed if alone.holds else Observed(holds=False, because=f"{observed.because}; {alone.because}")

    async def stays(self) -> bool:
        """Look whether it is as it was put back; not of a kind that tells its effect from any other change."""
        if knows_its_effect(action_of(self.intent)):
            return False
        return await self._is_as(self.intent, asyncio.get_running_loop().time())

    async def _is_as(self, found: Intended, until: float) -> bool:
        """Look whether what this has changed is as it, or an earlier step of its kind, has found it."""
        action = action_of(self.intent)
        observed = await observe(
            lambda: restored(action, found.before, self._given), until, twice=not looks_cost(action)
        )
        return observed.holds

    async def late_effect(self, over: float) -> LateEffect:
        """Look whether what its call asked for comes after all; nobody of ours asks for it any more since `over`."""
        action, intent = action_of(self.intent), self.intent
        window = Window.of(action, intent, over)
        lost_to = self.lost_to
        if lost_to and lost_to.kind != intent.kind:
            because = f"it did not stay put back: it has changed since {lost_to.step} was put back, which may be why"
            return LateEffect(came=False, is_told=False, because=because)
        before = lost_to.before if lost_to and await self._is_as(lost_to, window.start) else intent.before
        outcome = await late_effect(action, before, self._given, window)
        patience = durations.show(asyncio.get_running_loop().time() - window.start)
        looked = f"looked for {patience} after it was put back"
        seen_late = f"{looked}, and {'nothing came' if outcome.is_told and not outcome.came else outcome.because}"
        self._timeline.note(
            Happened(step=intent.step, at=self._timeline.now(), told=f"its outcome stayed open: {seen_late}")
        )
        return outcome

    async def conclude(self, found: LateEffect) -> bool:
        """Put back again what came, by comparing as before; nothing is asked for again where that could not be seen."""
        if not found.is_told:
            return self._not_seen(f"it could not be seen whether it stays put back: {found.because}")
        if found.came and self.was_refused:
            return self._not_seen(f"it was done later, though it had been refused: {found.because}")
        self.is_watched = False
        return await self.run() if found.came else self._seen_back(self._back_as)

    async def run(self) -> bool:
        """Put it back, and tell whether that was seen."""
        intent, note = self.intent, self._timeline.note
        if intent.undo == "none":
            return note(LeftApplied(step=intent.step, by="drill", because="the drill says `undo: none`"))
        note(Undoing(step=intent.step, by=self._by))
        try:
            action, undoing = action_of(intent), _undoing(intent)
        except (FaildrillError, ValueError) as error:
            return self._not_seen(f"its intent can't be read: {words(error)}")
        compared = await compare(action, intent.before, self._given, intent.undo_within)
        if compared.theirs:
            return self._not_seen(words(compared.theirs))
        self._unseen = words(compared.unseen)
        if self._unseen:
            note(Happened(step=intent.step, at=self._timeline.now(), told=f"{UNSEEN}{self._unseen}"))
        loop = asyncio.get_running_loop()
        former = await counted(action, intent.before, self._given, intent.undo_within)
        started = loop.time()
        is_over = await self._call(undoing)
        failed = f"{self._unstarted}; " if self._unstarted else ""
        returned = loop.time()
        deadline = returned + min(intent.undo_within, LOOKING)
        # An undo that was cut off may still be carried out by the target until the time that the drill gives it is
        # over.
        if not is_over:  # one that has failed changes nothing any more: what it did is seen soon, or not at all
            deadline = max(deadline, started + intent.undo_within)
        observed = await self._back(action, deadline)
        if not observed.holds:
            looked = durations.show(loop.time() - returned)
            given = f"the undo took {durations.show(returned - started)} of {durations.show(intent.undo_within)}"
            return self._not_seen(f"{failed}{observed.because} ({given}, and it was looked for {looked})")
        # Somebody else may have put it back at the same time: counted more than once, the drill proves less than it
        # says.
        now = await counted(action, intent.before, self._given, intent.undo_within)
        self._times, unknown = now.since(former)
        self._word_of = observed.word_of
        uncounted = f"; how often that was done is not known: {unknown}" if unknown else ""
        return self._seen_back(f"{observed.because}{uncounted}")

    async def _call(self, undoing: Action) -> bool:
        """Call what puts it back, and record how that ended; tell whether it has failed: then nothing comes of it."""
        intent, note = self.intent, self._timeline.note
        try:
            await call(_undo(undoing, intent, self._given), intent.undo_within + ending(undoing))
        except TookTooLong as error:
            note(UndoFailed(step=intent.step, because=f"{words(error)}: its undo_within is over"))
        except (ActionError, CannotSee) as error:
            is_unstarted = isinstance(error, NotStarted)
            self._unstarted = words(error) if is_unstarted else ""
            note(UndoFailed(step=intent.step, because=words(error), is_unstarted=is_unstarted))
            return isinstance(error, ActionFailed | ActionRefused)
        else:
            note(Undone(step=intent.step))
        return False

    def _seen_back(self, because: str) -> bool:
        """Tell that it is put back, unless what it asked for may come yet."""
        if self.is_watched:
            self._back_as = because
            return True
        return self._timeline.note(
            UndoVerified(
                step=self.intent.step,
                because=because,
                times=self._times,
                word_of=self._word_of,
                uncompared=bool(self._unseen),
                unseen=self._unseen,
            )
        )

    def _not_seen(self, because: str) -> bool:
        self._timeline.note(UndoNotVerified(step=self.intent.step, because=because))
        return False


def _undoing(intent: Intended) -> Action:
    """Build the action that puts a step back: its own, or the one that the drill names."""
    if intent.undo == "own":
        return action_of(intent)
    named: Action = build(KindUse(kind=intent.undo_kind or "", params=intent.undo_params or {}), "action")
    return named


async def _undo(undoing: Action, intent: Intended, given: CallContext) -> None:
    if intent.undo == "own":
        await undoing.undo(intent.before, given)
        return
    await undoing.apply(await undoing.capture(given), given)
