"""The steps of a drill, in order; a group of parallel ones at once."""

import asyncio

from faildrill.acting.step import Done, do
from faildrill.errors import ActionRefused
from faildrill.guarding.blast_radius import Radius
from faildrill.guarding.same_place import ITSELF, refusal
from faildrill.model.drill import Parallel, Step, Wait
from faildrill.model.references import complete
from faildrill.ports import Captured
from faildrill.record.timeline import ApplyFailed, Intended
from faildrill.running.run_context import Scene
from faildrill.running.wait import wait


class Steps:
    """Does the steps of a scene's drill; what a step gave is there for later ones."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._outputs: dict[str, Captured] = {}
        self._radius = Radius(scene.environment, scene.run)

    async def all(self) -> None:
        """Do every step, and stop after the first that did not do what it should; the timeline says why."""
        for step in self._scene.drill.steps:
            if not await self._one(step):
                return

    async def _one(self, step: Step | Wait | Parallel) -> bool:
        if isinstance(step, Parallel):
            if not await self._may_together(step):
                return False
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(member)) for member in step.steps]
            # A step that fails raises nothing, so the group waits for all of them: none is undone while it still
            # acts.
            return all(task.result() for task in tasks)
        scene = self._scene
        if isinstance(step, Wait):
            return await wait(step, scene.watching, scene.clock, scene.timeline, self._outputs)
        try:
            ready = self._complete(step)
        except ActionRefused as error:
            scene.timeline.record(ApplyFailed(step=step.id, how="refused", because=str(error)))
            return False
        because = await self._radius.objection(ready)
        if because is not None:
            scene.timeline.record(ApplyFailed(step=ready.id, how="refused", because=because))
            return False
        done = await self._do(ready)
        self._outputs[step.id] = done.answer
        if done.outcome == "done":
            scene.effects.hold(step.id)
        return done.outcome == "done"

    async def _may_together(self, group: Parallel) -> bool:
        """See that the steps of a group may be done at once; what each sees alone, the others have not done yet."""
        steps = [member for member in group.steps if isinstance(member, Step)]
        try:
            because = await self._radius.objection_to_group([self._complete(member) for member in steps])
        except ActionRefused as error:
            because = str(error)
        for step in steps if because else ():
            self._scene.timeline.record(ApplyFailed(step=step.id, how="refused", because=f"{because}"))
        return because is None

    def _complete(self, step: Step) -> Step:
        """Put what earlier steps gave into a late step and its undo; ActionRefused when they did not give it."""
        if not step.late:
            return step
        undo = step.undo
        if undo.use is not None:
            undo = undo.model_copy(update={"use": complete(undo.use, self._outputs)})
        return step.model_copy(update={"use": complete(step.use, self._outputs), "undo": undo})

    async def _do(self, step: Step) -> Done:
        return await do(step, self._scene.timeline, self._scene.run, self._is_elsewhere)

    async def _is_elsewhere(self, intended: Intended) -> str | None:
        """Ask the place what it is, and what the step acts through where it leads: it was proven a while ago."""
        scene = self._scene
        return await refusal(scene.environment, scene.run, scene.timeline, ITSELF, [intended])
