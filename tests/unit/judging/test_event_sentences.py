"""An event is one sentence, whoever tells it: the report afterwards, or the terminal while the run goes on."""

import re
from pathlib import Path
from typing import get_args

import pytest

from faildrill import judging
from faildrill.judging.event_sentences import sentence
from faildrill.live.run_view import Watch
from faildrill.record import timeline as tl
from unit.judging.runs import Run

UNTOLD = {tl.EffectSeen, tl.LockKept}
"""Events that are for machines: how often an effect was seen again, and which process holds a lock."""


def started(**more: object) -> tl.RunStarted:
    drill = {"name": "crash", **more}
    said = {"run": "r1", "identity": "", "boot": "", "version": "", "host": "", "user": "sre", "place": {}}
    return tl.RunStarted(drill=drill, environment="lab", **said)  # type: ignore[arg-type]


def test_who_watches_reads_the_sentences_of_the_report(tmp_path: Path) -> None:
    folder = Run().usual().good().write(tmp_path)
    reported = {one.text for one in judging.judge(folder).moments}
    phases = set(get_args(tl.Phase))
    live = [re.sub(r"^run \S+: ", "", line.text) for line in Watch(folder).new()]
    assert len(live) > 5
    assert [text for text in live if text not in reported | phases] == []


def test_every_event_but_those_for_machines_has_a_sentence() -> None:
    probes, texts = {"pay": "refused"}, {"kind", "guard", "until", "error", "traceback", "how", "user", "told"}
    for event in get_args(tl.AnyEvent):
        given: dict[str, object] = dict.fromkeys(event.__struct_fields__, 1)
        given |= {"because": "why", "step": "crash it", "by": "person"}
        given |= {name: [] for name in ("processes", "left", "silent", "differs") if name in given}
        given |= {"drill": {}, "probes": probes, "slow": {"pay": 1.0}, "asked": False, "samples": "pay"}
        given |= dict.fromkeys(texts, "said") | ({"how": "unknown"} if event is tl.ApplyFailed else {})
        made = event(**{name: value for name, value in given.items() if name in event.__struct_fields__})
        assert (sentence(made) is None) is (event in UNTOLD), event


@pytest.mark.parametrize(
    ("event", "text", "level"),
    [
        (started(), "sre starts the drill crash in lab", "info"),
        (started(way={"name": "slowly"}), "sre starts the drill crash (slowly) in lab", "info"),
        (tl.Undoing(step="s", by="runner"), "Putting back: crash it", "info"),
        (tl.Undoing(step="s", by="recover"), "Putting back: crash it, by recover", "info"),
        (tl.Fenced(processes=["curl (77)"]), "Processes of the run were ended: curl (77)", "info"),
        (tl.Fenced(processes=[]), "Nothing of the run was running any more", "info"),
        (
            tl.Fenced(processes=["curl (77)"], left=["dd (78)"]),
            (
                "Processes of the run could not be ended and may still act: dd (78). "
                "Processes of the run were ended: curl (77)"
            ),
            "bad",
        ),
        (tl.LeftApplied(step="s", by="person", because="--leave-applied was typed"),
         "crash it stays applied: --leave-applied was typed", "bad"),
        (tl.LeftApplied(step="s", by="drill", because="the drill says `undo: none`"),
         "crash it stays applied: the drill says `undo: none`", "info"),
        (tl.NotSteady(probes={"pay": "refused"}, waited=60.0), "Not steady again after 1 min: pay: refused", "bad"),
        (tl.NotSteady(probes={"all": "nobody knows"}, waited=0.0), "Not steady again: all: nobody knows", "bad"),
        (tl.PlaceAsked(proved=[], differs=["db: another"], silent=[], because="this is not the place"),
         "this is not the place", "bad"),
        (tl.Settled(by="sre", because="gone for good", seen=[]),
         "Settled by sre, not seen put back: gone for good", "info"),
    ],
)  # fmt: skip
def test_an_event_is_told_in_these_words(event: tl.AnyEvent, text: str, level: str) -> None:
    assert sentence(event, "crash it") == (text, level)
