"""What becomes of pods that were taken away and of those that come in their place, each phase between two looks."""

from collections.abc import Iterator, Mapping
from typing import Final

from faildrill.adapters.kubernetes.objects import Pod
from faildrill.adapters.kubernetes.workload import Sight, called

_SECOND: Final = 1e9


class Phases:
    """Watches look by look; a phase is told once, with the last moment at which it was not so."""

    def __init__(self, gone: Mapping[str, str], before: set[str], controller: str, since: int) -> None:
        self._gone = gone
        """UIDs of what was taken away, with names."""
        self._before = before
        """UIDs of all pods of the workload before that."""
        self._controller = controller
        self._since = since
        self._told: set[str] = set()
        self._last = since
        self._served: set[str] = set()
        self.are_out = False
        """Whether none of what was taken away gets new connections."""
        self.are_replaced = False
        """Whether as many new pods are ready, and in the endpoints if what they replace was."""

    def take(self, sight: Sight) -> list[str]:
        """Take a look in, and return what is new since the last one, in words."""
        fresh = [told for told in (*self._leaving(sight), *self._coming(sight)) if told not in self._told]
        self._told.update(fresh)
        bounds = f"between {self._after(self._last)} and {self._after(sight.answered)} after it was asked for"
        self._last = sight.asked
        return [f"{told}, {bounds}" for told in fresh]

    def _after(self, moment: int) -> str:
        return f"{max(0, moment - self._since) / _SECOND:.2f} s"

    def _leaving(self, sight: Sight) -> Iterator[str]:
        served = set().union(*sight.ready_endpoints(self._gone).values(), ())
        self._served |= served
        self.are_out = not served
        for uid, name in self._gone.items():
            pod = sight.pods.get(uid)
            named = f"{name} ({uid[:8]})"
            self.are_out = self.are_out and (pod is None or pod.is_terminating)
            if pod is None or pod.is_terminating:
                yield f"{named} is terminating"
                if uid not in served:
                    yield f"{named} is out of the endpoints"
            if pod is None:
                yield f"{named} is gone: its kubelet says that its processes have ended"

    def _coming(self, sight: Sight) -> Iterator[str]:
        fresh = {uid: pod for uid, pod in sight.of(self._controller).items() if uid not in self._before}
        served = set().union(*sight.ready_endpoints(fresh).values(), ())
        done = 0
        for uid, pod in fresh.items():
            yield f"{called(pod)} was created in its place"
            yield from _reached(pod)
            if uid in served:
                yield f"{called(pod)} is in the endpoints"
            done += pod.is_ready and (uid in served or not self._served)
        self.are_replaced = self.are_out and done >= len(self._gone)


def _reached(pod: Pod) -> Iterator[str]:
    if pod.is_so("PodScheduled"):
        yield f"{called(pod)} is scheduled on {pod.spec.node_name}"
    if pod.is_ready:
        yield f"{called(pod)} is ready"
