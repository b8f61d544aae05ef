"""An expectation on what became of every write of a ledger."""

from typing import Final

from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, count, finding, holds
from faildrill.judging.result import Finding
from faildrill.ports import Kind, ProbeName
from faildrill.record.ledger.accounts import Account


class LostWrites(Kind):
    """Of the acknowledged writes of a ledger, no more than `at_most` are gone when everything is put back.

    The ledger is read back from the node that takes writes then. An acknowledged write that is absent is *lost*. One
    that is there twice is *duplicated* (a double charge), and a rejected one that is there all the same is a *phantom*;
    both are findings of their own. A write that was sent and never answered is counted, and is none of these.

    A ledger that could not be read back, or in which nothing was acknowledged, proves nothing: INCONCLUSIVE.

    lost_writes: {of: ledger, at_most: 0}
    """

    of: ProbeName = Field(description="a probe that keeps a ledger, e.g. postgres.ledger")
    at_most: int = Field(default=0, ge=0, description="how many acknowledged writes may be lost")
    duplicated_at_most: int = Field(default=0, ge=0, description="how many writes may be there twice")
    phantoms_at_most: int = Field(default=0, ge=0, description="how many rejected writes may be there all the same")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh what is lost, what is there twice, and what should not be there."""
        lost = f"no more than {count(self.at_most, 'acknowledged write')} of {self.of} are lost"
        twice = f"no more than {count(self.duplicated_at_most, 'write')} of {self.of} are there twice"
        phantoms = f"no more than {count(self.phantoms_at_most, 'rejected write')} of {self.of} are there"
        writers = {node: ledger for node, ledger in evidence.ledgers.get(self.of, {}).items() if ledger.writer}
        unable = self._unable(evidence, writers)
        findings = [finding("lost_writes", lost, unable or self._lost(writers))]
        if unable is None:
            duplicated = {node: ledger.duplicated for node, ledger in writers.items()}
            rejected = {node: ledger.phantom for node, ledger in writers.items()}
            findings.append(finding("lost_writes", twice, _few(duplicated, self.duplicated_at_most, "there twice")))
            findings.append(
                finding("lost_writes", phantoms, _few(rejected, self.phantoms_at_most, "rejected, and there"))
            )
        return findings

    def _unable(self, evidence: Evidence, writers: dict[str, Account]) -> Weighed | None:
        """Say why nothing can be told, or None."""
        if self.of not in evidence.ledgers:
            return cannot_tell(f"{self.of} left no ledger: no data is never a pass", "name a probe that keeps one")
        if not writers:
            return cannot_tell(f"{self.of} was not read back from a node that takes writes", "see the run's timeline")
        # A loss that is proven by one node stays one, whatever became of the file of another.
        unreadable = [node for node, ledger in writers.items() if ledger.unreadable]
        if unreadable and not any(writer.lost > self.at_most for writer in writers.values()):
            because = f"what {self.of} read back of {', '.join(unreadable)} can't be read: its file was cut or damaged"
            return cannot_tell(because, "keep the run's folder whole; run the drill again")
        if not any(writer.acknowledged for writer in writers.values()):
            return cannot_tell(f"no write of {self.of} was acknowledged")
        return None

    def _lost(self, writers: dict[str, Account]) -> Weighed:
        node, worst = max(writers.items(), key=lambda item: (item[1].lost, item[0]))
        if worst.lost > self.at_most:
            window = durations.show(worst.loss_window)
            first = ", ".join(str(number) for number in worst.lost_numbers[:_WRITTEN_OUT])
            many = f"{worst.lost} of {worst.acknowledged} acknowledged writes"
            return broken(f"{many} are not on {node}, sent within {window} (number {first}{_more(worst.lost)})")
        if worst.damaged:
            return cannot_tell(f"{count(worst.damaged, 'note')} of {self.of} can't be read")
        kept = f"{worst.acknowledged - worst.lost} of {worst.acknowledged} acknowledged writes are on {node}"
        open_ones = f"of {worst.unknown} without an answer {worst.unknown_there} are there"
        return holds(f"{kept}; {open_ones}" if worst.unknown else kept)


def _few(counted: dict[str, int], at_most: int, what: str) -> Weighed:
    node, most = max(counted.items(), key=lambda item: (item[1], item[0]))
    because = f"{count(most, 'write')} {what}, on {node}" if most else f"none is {what}"
    return broken(because) if most > at_most else holds(because)


_WRITTEN_OUT: Final = 5
"""So many lost writes are named; of more it is said that there are."""


def _more(lost: int) -> str:
    return ", …" if lost > _WRITTEN_OUT else ""
